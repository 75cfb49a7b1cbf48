"""Checks plugins against the contract of their kind: defaults for what is optional, names for what is wrong."""

from __future__ import annotations

import typing
from difflib import get_close_matches

import msgspec
import numpy as np

from deidkit.errors import PluginError
from deidkit.options import declared

NEAR = 0.84
"""Similarity (0..1) to an attribute of the contract from which a public attribute counts as a misspelling of it."""


def completed(cls: type[object], contract: type[object]) -> type[object]:
    """A class with the contract's defaults behind its own attributes; itself where it inherits from the contract."""
    if issubclass(cls, contract):
        return cls
    names = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__}
    try:
        return type(cls.__name__, (cls, contract), names)
    except TypeError as error:
        raise PluginError(
            f"{cls.__module__}:{cls.__qualname__} cannot be completed ({error}); let it inherit from "
            f"deidkit.protocols.{contract.__name__}."
        ) from error


def check(what: str, plugin: object, contract: type[object]) -> None:
    """Refuse a plugin that lacks something, has it in the wrong type, or misspells it.

    Raises:
        PluginError: The message names the attribute and the right one.
    """
    check_class(what, type(plugin), contract)
    for name, expected in _attributes(contract).items():
        if not hasattr(plugin, name):
            raise PluginError(f"{what} breaks its contract: it has no {name}.")
        try:
            msgspec.convert(getattr(plugin, name), expected, strict=True)
        except msgspec.ValidationError as error:
            reason = str(error)[:1].lower() + str(error)[1:]
            raise PluginError(
                f"{what} breaks its contract: {name} = {getattr(plugin, name)!r} cannot be used ({reason})."
            ) from None


def check_class(what: str, cls: type[object], contract: type[object]) -> None:
    """Refuse a class that does not offer a method of its contract, or offers one under a name nearly right.

    Raises:
        PluginError: The message names it.
    """
    missing = [
        name
        for name in _methods(contract)
        if _is_required(contract, name) and getattr(cls, name, None) in (None, getattr(contract, name))
    ]
    known = {*_attributes(contract), *_methods(contract)}
    for name in _own_names(cls, contract) - known:
        near = get_close_matches(name, known, n=1, cutoff=NEAR)
        if near and (near[0] in missing or near[0] not in _own_names(cls, contract)):
            raise PluginError(f"{what} breaks its contract: it has '{name}'; '{near[0]}' is in the contract.")
    if missing:
        raise PluginError(f"{what} breaks its contract: it has no {', '.join(sorted(missing))}.")


def picture_fault(item: object) -> str:
    """What was returned in place of a picture, (h, w, 3) uint8; empty where it is one."""
    if not isinstance(item, np.ndarray):
        fault = f"an object of type {type(item).__name__}"
    elif item.dtype != np.uint8:
        fault = f"an array of {item.dtype}"
    elif item.ndim != 3:
        fault = f"an array of {item.ndim} axes"
    elif item.shape[2] != 3:
        fault = "an array with its channels in front" if item.shape[0] == 3 else f"{item.shape[2]} channels"
    else:
        fault = "" if item.size else "an empty array"
    return fault and f"{fault} instead of RGB pixels in uint8, height x width x 3"


def _attributes(contract: type[object]) -> dict[str, object]:
    hints = typing.get_type_hints(contract, include_extras=True)
    return {name: _without_class_var(hint) for name, hint in hints.items()}


def _without_class_var(hint: object) -> object:
    return typing.get_args(hint)[0] if typing.get_origin(hint) is typing.ClassVar else hint


def _methods(contract: type[object]) -> frozenset[str]:
    return frozenset(name for name in dir(contract) if not name.startswith("_") and callable(getattr(contract, name)))


def _is_required(contract: type[object], name: str) -> bool:
    return bool(getattr(getattr(contract, name), "__isabstractmethod__", False))


def _own_names(cls: type[object], contract: type[object]) -> set[str]:
    """Public attributes defined by the plugin's author, without options."""
    bases = [base for base in cls.__mro__ if base is not object and not issubclass(contract, base)]
    names = {name for base in bases for name in (*vars(base), *vars(base).get("__annotations__", {}))}
    return {name for name in names if not name.startswith("_")} - set(declared(cls))
