"""Decodes records from untrusted JSON."""

from __future__ import annotations

from typing import TypeVar

import msgspec

T = TypeVar("T")


def record(data: bytes | str, kind: type[T]) -> T:
    """The record in some JSON.

    Raises:
        msgspec.DecodeError: It is not one, or is nested too deep to be read.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except RecursionError:
        raise msgspec.DecodeError("it is nested too deep") from None
