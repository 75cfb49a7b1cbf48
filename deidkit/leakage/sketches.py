"""Short sketches of a palm's noise and low bits, by which what is hidden in single pixels is compared among copies.

A code that is added to noise, or written into low bits by a key, looks like noise in every picture by itself; two
pictures that carry the same one agree pixel by pixel. Thousands of pixels are summed with signs from a fixed hash into
few places: the correlation of two sketches is that of the pixels, give or take one over the root of the places
(Charikar, Chen and Farach-Colton, 2002).
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import Image, Mask

PLACES = 256
"""Numbers in a sketch."""

KINDS = ("lowest bits", "two lowest bits", "noise", "levels")
"""What is sketched, in order; levels are no code, but what a code may have been made of."""

_SCALE = 32.0
"""Standard deviation to which a sketch is scaled before it is stored in 8 bits."""

_FLAT = 0.4
"""Standard deviation of noise, in levels, from which there is any: rounding leaves 0.3."""

_MOST = 512
"""Rows and columns of a palm that are sketched."""


def sketches(picture: Image, palm: Mask | None) -> NDArray[np.int8]:
    """Sketch a picture.

    Args:
        picture: (h, w, 3) uint8; a copy at its original's size.
        palm: (h, w) bool, where the original's palm is; None where it is not known.

    Returns:
        (len(`KINDS`), `PLACES`) int8; zero where there is nothing to compare.
    """
    mask = np.ones(picture.shape[:2], bool) if palm is None or not palm.any() else palm
    top, left = (int(np.flatnonzero(mask.any(axis=axis))[0]) for axis in (1, 0))
    window = slice(top, top + _MOST), slice(left, left + _MOST)
    part, inside = picture[window], mask[window]
    bits, two = ((part & mask).astype(np.float32) for mask in (1, 3))
    levels = part.astype(np.float32)
    corner = top, left
    planes = ((bits, 0.0), (two, 0.0), (_noise(part), _FLAT), (levels, _FLAT))
    return np.stack([_sketch(values, inside, corner, least) for values, least in planes])


def _noise(picture: Image) -> NDArray[np.float32]:
    """What differs from the surroundings of a pixel, its high values cut off."""
    values = picture.astype(np.float32)
    noise = values - cv2.GaussianBlur(values, (0, 0), 1.0)
    limit = 3 * float(np.abs(noise).mean())
    return np.asarray(np.clip(noise, -limit, limit), np.float32)


def _sketch(
    values: NDArray[np.float32], inside: NDArray[np.bool_], corner: tuple[int, int], least: float
) -> NDArray[np.int8]:
    kept = values[inside]
    kept = kept - kept.mean(axis=0)
    if float(kept.std()) <= max(least, 1e-6):
        return np.zeros(PLACES, np.int8)
    rows, columns = np.nonzero(inside)
    total = np.zeros(PLACES)
    for channel in range(kept.shape[1]):
        codes = _codes(rows + corner[0], columns + corner[1], channel)
        signs = np.where(codes & PLACES, np.float32(1), np.float32(-1))
        total += np.bincount(codes % PLACES, weights=kept[:, channel] * signs, minlength=PLACES)
    spread = float(total.std())
    return np.asarray(np.clip(np.rint(total * (_SCALE / max(spread, 1e-6))), -127, 127), np.int8)


def _codes(rows: NDArray[np.intp], columns: NDArray[np.intp], channel: int) -> NDArray[np.int64]:
    """A number of 9 bits for each pixel, the same for the same pixel of every picture."""
    return _table(channel)[rows % _PERIOD, columns % _PERIOD]


_PERIOD = 1024
"""After so many rows or columns numbers repeat; no palm is as large as is sketched."""


@lru_cache(maxsize=3)
def _table(channel: int) -> NDArray[np.int64]:
    """(1024, 1024) int64, 0..511."""
    return np.random.default_rng([71, channel]).integers(0, 2 * PLACES, (_PERIOD, _PERIOD))
