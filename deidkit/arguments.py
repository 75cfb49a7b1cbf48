"""Checks the arguments of a function against the types that it declares, and names them in errors."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from deidkit.errors import DeidkitError, UsageError, did_you_mean
from deidkit.printing import shortened

LEAST = {"seeds": 1, "threads": 1, "sample_pairs": 1}
"""The smallest number that an option of the name takes."""

_WORDS = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "a text",
    Path: "a path",
    NoneType: "None",
}


def checked(given: Mapping[str, object], declared: type[object], what: str) -> dict[str, Any]:
    """Values as the types of a record demand them.

    Whole numbers and truth values of NumPy become Python's, texts that stand for a path become one. What no plain
    type distinguishes, such as a plugin, is left to who uses it.

    Args:
        given: Name -> value.
        declared: A typed dictionary or data class whose annotations say what each name takes.
        what: What takes them, as a message names it.

    Raises:
        UsageError: A name is not known, or a value is of another type or out of range; the message says what it takes.
    """
    hints = get_type_hints(declared)
    for name in given:
        if name not in hints:
            hint = did_you_mean(name, hints) or f" It has {', '.join(hints)}."
            raise UsageError(f"{what} has no option '{name}'.{hint}")
    return {name: _checked(name, value, hints[name]) for name, value in given.items()}


@contextmanager
def instead_of_options(names: Mapping[str, str]) -> Iterator[None]:
    """Name arguments in the errors of a block where the command line has options; its own commands stay as they are.

    Args:
        names: Option, without ``--`` -> what is said instead.
    """
    try:
        yield
    except DeidkitError as error:
        text, command, rest = re.split(r"(\bdeidkit [a-z]+ |$)", str(error), maxsplit=1)
        said = re.sub(r"(?<![\w'-])--([a-z][a-z-]*)", lambda found: names.get(found[1], found[0]), text)
        error.args = (said + command + rest, *error.args[1:])
        raise


def path(name: str, value: object) -> Path:
    """A path from a text or a path. Raises UsageError for anything else."""
    found: Path = _checked(name, value, Path)
    return found


def text(name: str, value: object) -> str:
    """A text from a text or a path. Raises UsageError for anything else."""
    found: str = _checked(name, value, str)
    return found


def truth(name: str, value: object) -> bool:
    """A truth value. Raises UsageError for anything else."""
    found: bool = _checked(name, value, bool)
    return found


def _checked(name: str, value: object, hint: object) -> Any:
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    fitting = [found for kind in kinds if (found := _as(kind, value)) is not _OTHER]
    if not fitting:
        takes = " or ".join(dict.fromkeys(_words(kind) for kind in kinds))
        raise UsageError(f"{name} is {shortened(value)}; it takes {takes}.")
    if name in LEAST and isinstance(fitting[0], int) and fitting[0] < LEAST[name]:
        raise UsageError(f"{name} is {fitting[0]}; it takes {LEAST[name]} or more.")
    return next((found for found in fitting if found is value), fitting[0])


_OTHER = object()
"""Stands for a value of another type."""


def _as(kind: object, value: object) -> object:
    """A value as one type, or `_OTHER`."""
    if get_origin(kind) is Literal:
        return value if isinstance(value, str) and value in get_args(kind) else _OTHER
    if isinstance(get_origin(kind), type) and issubclass(get_origin(kind), Sequence):  # type: ignore[arg-type]
        return _all_as(get_args(kind)[0], value) if isinstance(value, list | tuple) else _OTHER
    if kind is bool:
        return bool(value) if isinstance(value, bool | np.bool_) else _OTHER
    if kind is int:
        return int(value) if isinstance(value, int | np.integer) and not isinstance(value, bool) else _OTHER
    if kind is float:
        number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
        return float(value) if number else _OTHER  # type: ignore[arg-type]
    if kind is str:
        return os.fspath(value) if isinstance(value, str | os.PathLike) else _OTHER
    if kind is Path:
        return Path(value) if isinstance(value, str | os.PathLike) else _OTHER
    if kind is NoneType:
        return None if value is None else _OTHER
    return value


def _all_as(kind: object, values: Sequence[object]) -> object:
    found = tuple(_as(kind, value) for value in values)
    return _OTHER if any(value is _OTHER for value in found) else found


def _words(kind: object) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(f"'{choice}'" for choice in get_args(kind))
    if get_origin(kind) is not None:
        return "a list of texts" if get_args(kind)[0] is str else "a list"
    return _WORDS[kind]  # type: ignore[index]
