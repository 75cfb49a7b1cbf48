"""Reads users' TOML files and reports parser errors in one sentence."""

from __future__ import annotations

import datetime
import tomllib
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from deidkit.errors import UsageError

T = TypeVar("T")

LARGEST_INTEGER = 2**63 - 1
"""As TOML wants every reader to take; Python could not even print one of 5,000 digits."""


def read(path: Path, what: str) -> dict[str, Any]:
    """The content of a TOML file that a user named. Raises UsageError where it cannot be read, or is not valid."""
    try:
        return parsed(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{what} {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise UsageError(f"{what} {path} is not valid TOML: {error}.") from error


def parsed(text: str) -> dict[str, Any]:
    """The content of a TOML file.

    Raises:
        ValueError: It is not valid, nested too deep, or holds an integer beyond 64 bits; the text says which.
    """
    try:
        content = tomllib.loads(text)
        _check(content)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    except tomllib.TOMLDecodeError:
        raise
    except ValueError:  # what int() says of too many digits names a function of Python's
        raise ValueError("it holds an integer of more than 64 bits") from None
    return content


def record(text: str, kind: type[T]) -> T:
    """The content of a TOML file as a record.

    Raises:
        ValueError: It is not valid, as above, or not such a record.
    """
    return msgspec.convert(parsed(text), kind, builtin_types=(datetime.datetime, datetime.date, datetime.time))


def _check(value: object) -> None:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            _check(item)
    elif isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        raise ValueError
