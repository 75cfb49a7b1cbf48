"""Records as MessagePack, for the workspace and for the processes of engines: structs and dataclasses with arrays."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, TypeVar, overload

import msgspec
import numpy as np

R = TypeVar("R")


class _Array(msgspec.Struct, array_like=True):
    dtype: str
    shape: tuple[int, ...]
    data: bytes


def packed(record: object) -> bytes:
    """A record as bytes. Raises NotImplementedError where it holds something else than values, arrays and paths."""
    return msgspec.msgpack.encode(record, enc_hook=_packed)


@overload
def unpacked(data: bytes | memoryview, kind: type[R]) -> R: ...


@overload
def unpacked(data: bytes | memoryview, kind: Any) -> Any: ...


def unpacked(data: bytes | memoryview, kind: Any) -> Any:
    """The record of a type, or of one of a union, that bytes hold; its arrays are read-only.

    Raises:
        msgspec.MsgspecError: They hold something else.
    """
    return msgspec.msgpack.decode(data, type=kind, dec_hook=_unpacked)


def _packed(value: object) -> object:
    if isinstance(value, np.ndarray):
        return _Array(value.dtype.str, value.shape, np.ascontiguousarray(value).tobytes())
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(f"an object of type {type(value).__name__} cannot be stored")


def _unpacked(kind: type[object], value: object) -> Any:
    if kind is Path:
        return Path(msgspec.convert(value, str))
    array = msgspec.convert(value, _Array)
    dtype = np.dtype(array.dtype)
    if math.prod(array.shape) * dtype.itemsize != len(array.data):
        raise ValueError("the size of an array is not that of its data")
    return np.frombuffer(array.data, dtype).reshape(array.shape)
