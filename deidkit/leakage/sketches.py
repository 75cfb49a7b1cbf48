"""Sketches of a palm's noise and low bits, by which hidden pixel codes are compared among copies.

A code that is added to noise, or written into low bits with a key, looks like noise in a single picture; two pictures
with the same code agree pixel by pixel. Thousands of pixels are summed with fixed random signs into a short vector: the
correlation of two sketches is that of the pixels, up to one over the square root of the length (Charikar, Chen and
Farach-Colton, 2002).
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import Image, Mask

PLACES = 256
"""Length of a sketch."""

KINDS = ("lowest bits", "two lowest bits", "noise", "levels")
"""Sketched signals, in order; levels are not a code, but a code may be derived from them."""

_SCALE = 32.0
"""Standard deviation to which a sketch is scaled before it is stored in 8 bits."""

_FLAT = 0.4
"""Standard deviation of noise, in grey levels, below which there is none: rounding leaves 0.3."""

_FOLD = 16
"""A sketch has one element per position within squares of this side, summed over all squares."""

_WINDOW_SIDE = 128
"""Rows and columns that are sketched, about the palm's middle; a multiple of `_FOLD`."""

_RIM = 5
"""Ignored rim of the palm, in pixels."""

Planes = NDArray[np.float32]
"""(h, w, 3) float32: three channels; height and width are multiples of `_FOLD`."""


def sketches(picture: Image, palm: Mask) -> NDArray[np.int8]:
    """Sketch a picture.

    Args:
        picture: (h, w, 3) uint8; a copy at its original's size.
        palm: (h, w) bool, the original's palm; not empty.

    Returns:
        (len(`KINDS`), `PLACES`) int8; 0 if there is no signal.
    """
    rows, columns = _window(np.asarray(palm.any(axis=1))), _window(np.asarray(palm.any(axis=0)))
    part, inside = picture[rows, columns], _inner(palm, rows, columns).astype(np.float32)
    lacking = [(0, -length % _FOLD) for length in inside.shape]
    levels = np.pad(part, (*lacking, (0, 0)))
    values = levels.astype(np.float32)
    weight = np.asarray(cv2.merge([np.pad(inside, lacking)] * 3), np.float32)
    signs = np.ascontiguousarray(_signs(rows.start, columns.start)[: weight.shape[0], : weight.shape[1]])
    bits, two = ((levels & low).astype(np.float32) for low in (1, 3))
    noise = _sketch(_noise(values), weight, signs, _FLAT, whole=False)
    first, second, last = (
        _sketch(plane, weight, signs, least) for plane, least in ((bits, 0), (two, 0), (values, _FLAT))
    )
    return np.stack([first, second, noise, last])


def _inner(mask: Mask, rows: slice, columns: slice) -> NDArray[np.uint8]:
    """Palm mask within a window, without its rim, so that the outline of the treated area does not count."""
    rim = np.ones((2 * _RIM + 1, 2 * _RIM + 1), np.uint8)
    top, left = max(rows.start - _RIM, 0), max(columns.start - _RIM, 0)
    around = mask[top : rows.stop + _RIM, left : columns.stop + _RIM].astype(np.uint8)
    inner = cv2.erode(around, rim, borderType=cv2.BORDER_CONSTANT, borderValue=1)
    return np.asarray(
        inner[rows.start - top :, columns.start - left :][: rows.stop - rows.start, : columns.stop - columns.start]
    )


def _window(shown: Mask) -> slice:
    """Slice of the middle of a palm's extent, starting at a multiple of `_FOLD`."""
    inside = np.flatnonzero(shown)
    middle = int(inside[0] + inside[-1] + 1) // 2
    start = max(int(inside[0]), middle - _WINDOW_SIDE // 2) // _FOLD * _FOLD
    return slice(start, min(start + _WINDOW_SIDE, int(inside[-1]) + 1))


def _noise(values: Planes) -> Planes:
    """Difference from the surroundings of a pixel, clipped."""
    noise = values - cv2.GaussianBlur(values, (0, 0), 1.0)
    limit = 3 * float(np.abs(noise).mean())
    return np.asarray(np.clip(noise, -limit, limit), np.float32)


def _sums(values: Planes, *, whole: bool) -> NDArray[np.float32]:
    """(3,) sums of the channels; sums of integers (`whole`) are exact, and faster with OpenCV."""
    if whole:
        return np.array(cv2.sumElems(values)[:3], np.float32)
    return np.asarray(values.sum(axis=(0, 1)), np.float32)


def _sketch(values: Planes, weight: Planes, signs: Planes, least: float, *, whole: bool = True) -> NDArray[np.int8]:
    count = max(float(weight[:, :, 0].sum()), 1.0)
    # Operate on whole rows: NumPy is slow on an axis of length three.
    mean = np.tile(_sums(values * weight, whole=whole) / np.float32(count), values.shape[1]).reshape(values.shape[1:])
    kept = (values - mean) * weight
    if float(np.vdot(kept, kept)) <= 3 * count * max(least, 1e-6) ** 2:
        return np.zeros(PLACES, np.int8)
    signed = np.einsum("hwc,hwc->hw", kept, signs)
    rows, columns = (length // _FOLD for length in signed.shape)
    total = signed.reshape(rows, _FOLD, columns, _FOLD).sum(axis=(0, 2)).ravel()
    return np.asarray(np.clip(np.rint(total * (_SCALE / max(float(total.std()), 1e-6))), -127, 127), np.int8)


_PERIOD = 4 * _WINDOW_SIDE
"""Period of the signs, in rows and in columns."""


@lru_cache(maxsize=1)
def _table() -> Planes:
    """(640, 640, 3) random signs, fixed for each pixel position."""
    signs = np.random.default_rng(71).integers(0, 2, (_PERIOD, _PERIOD, 3), dtype=np.int8)
    return np.pad(2 * signs - 1, ((0, _WINDOW_SIDE), (0, _WINDOW_SIDE), (0, 0)), mode="wrap").astype(np.float32)


def _signs(top: int, left: int) -> Planes:
    """(128, 128, 3) signs of the pixels of a window."""
    top, left = top % _PERIOD, left % _PERIOD
    return _table()[top : top + _WINDOW_SIDE, left : left + _WINDOW_SIDE]
