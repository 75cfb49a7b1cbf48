"""Stored pixels, and their conversion to 8-bit RGB over white."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidkit.errors import SampleError
from deidkit.protocols import Image

Values = NDArray[np.integer[Any]]
"""Integers of any width."""

_Unsigned = NDArray[np.unsignedinteger[Any]]

_STRIP_PIXELS = 1 << 20
_BRIGHT = 200


@dataclass(frozen=True, slots=True)
class StoredPixels:
    """Pixels as a file stores them.

    Attributes:
        colours: (height, width, 1, 3 or 4), integers from 0: grey, RGB or CMYK.
        alpha: (height, width) of the same kind, or None.
        premultiplied: Whether the colours are already multiplied by alpha.
        largest: Value of full brightness.
        further: (height, width, n) other channels, such as palette indices; or None.
        beyond: (h, w, n) complete tiles, if they contain more than padding beyond the edges; or None.
    """

    colours: Values
    alpha: Values | None = None
    premultiplied: bool = False
    largest: int = 255
    further: Values | None = None
    beyond: Values | None = None


def shown(stored: StoredPixels) -> Image:
    """Convert to visible pixels: values scaled to 0..255 and rounded, transparency over white.

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
    """Rounded product of two fractions of `largest`."""
    if largest == 255:  # exact division by 255 by shifts
        product = first * second + 128
        return np.asarray((product + (product >> 8)) >> 8)
    return np.asarray((first * second + largest // 2) // largest)


def check_full_range(values: Values) -> None:
    """Reject 16-bit values that are all small: they come from a 10- or 12-bit camera and would appear black.

    A few large values, such as a dead pixel or a drawn mark, are ignored.

    Raises:
        SampleError: All but one in `_BRIGHT` values fit into 12 bits.
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
    """Yield strips of rows that are small compared with the picture."""
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))


def _eight_bits(values: _Unsigned, largest: int) -> _Unsigned:
    if largest == 255:
        return values
    if largest == 65535:  # exact division by 257 by shifts
        return np.asarray((values * 255 + 32895) >> 16)
    return np.asarray(np.minimum((values * 255 + largest // 2) // largest, 255))
