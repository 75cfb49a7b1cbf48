"""Pixels as a file stores them, and how they are shown: 8-bit RGB over white."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidkit.errors import SampleError
from deidkit.protocols import Image

Values = NDArray[np.integer[Any]]
"""Whole numbers of any width."""

_Unsigned = NDArray[np.unsignedinteger[Any]]

_STRIP_PIXELS = 1 << 20
_BRIGHT = 200


@dataclass(frozen=True, slots=True)
class StoredPixels:
    """Pixels as a file stores them.

    Attributes:
        colours: (height, width, 1, 3 or 4), integers from 0: grey, RGB or CMYK.
        alpha: (height, width) of the same kind, or None.
        premultiplied: Whether the colours are multiplied by alpha already.
        largest: The value that stands for full brightness.
        further: (height, width, n) channels that are neither, such as numbers of colours; or None.
        beyond: (h, w, n) all that tiles hold, where there is more beyond the edges than filling; or None.
    """

    colours: Values
    alpha: Values | None = None
    premultiplied: bool = False
    largest: int = 255
    further: Values | None = None
    beyond: Values | None = None


def shown(stored: StoredPixels) -> Image:
    """The picture as a page shows it: values scaled to 0..255 and rounded, what is transparent over white.

    Raises:
        SampleError: 16-bit values need 12 bits or fewer.
    """
    height, width, channels = stored.colours.shape
    if stored.largest == 65535:
        check_full_range(stored.colours)
    if stored.largest == 255 and stored.alpha is None and channels == 3 and stored.colours.dtype == np.uint8:
        return np.require(stored.colours, np.uint8, ["C", "W"])
    pixels = np.empty((height, width, 3), np.uint8)
    kind = np.uint16 if stored.largest == 255 else np.uint32  # products of two values fit
    for rows in row_ranges(height, width):
        strip: _Unsigned = stored.colours[rows].astype(kind)
        if channels == 4:
            strip = multiplied(stored.largest - strip[:, :, :3], stored.largest - strip[:, :, 3:], stored.largest)
        if stored.alpha is not None:
            opacity: _Unsigned = stored.alpha[rows, :, None].astype(kind)
            colours = strip if stored.premultiplied else multiplied(strip, opacity, stored.largest)
            strip = np.minimum(colours + (stored.largest - opacity), stored.largest)
        pixels[rows] = _eight_bits(strip, stored.largest)
    return pixels


def multiplied(first: _Unsigned, second: _Unsigned, largest: int) -> _Unsigned:
    """The product of two shares of `largest`, rounded."""
    if largest == 255:  # a division by 255 without one; exact
        product = first * second + 128
        return np.asarray((product + (product >> 8)) >> 8)
    return np.asarray((first * second + largest // 2) // largest)


def check_full_range(values: Values) -> None:
    """Refuse 16-bit values that are all small: they are those of a 10- or 12-bit camera, and would come out black.

    A few large values, such as a dead pixel or a mark that was drawn in, change nothing.

    Raises:
        SampleError: All but one in `_BRIGHT` values need 12 bits or fewer.
    """
    largest = int(values.max())
    if largest >= 1 << 12:
        if np.count_nonzero(values >= 1 << 12) * _BRIGHT > values.size:
            return
        largest = int(values[values < 1 << 12].max())
    if largest > 0:
        bits = 8 if largest < 1 << 8 else 10 if largest < 1 << 10 else 12
        raise SampleError(
            f"its 16-bit values are at most {largest}, as {bits}-bit values are; multiply them by {1 << 16 - bits} "
            "so that they span the full range"
        )


def row_ranges(height: int, width: int) -> Iterator[slice]:
    """Strips of rows that are small compared with the picture."""
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))


def _eight_bits(values: _Unsigned, largest: int) -> _Unsigned:
    if largest == 255:
        return values
    if largest == 65535:  # a division by 257 without one; exact
        return np.asarray((values * 255 + 32895) >> 16)
    return np.asarray(np.minimum((values * 255 + largest // 2) // largest, 255))
