"""Compact fingerprints of pictures, by which each copy is compared with every original and every other copy."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.leakage.levels import QUANTILES, quantiles
from deidkit.leakage.relief import blurred
from deidkit.leakage.sampling import grey
from deidkit.leakage.sketches import KINDS, PLACES, sketches
from deidkit.leakage.statistics import STATISTICS, middle, statistics
from deidkit.leakage.traits import TRAITS, traits
from deidkit.protocols import GreyImage, Image, Mask

SIDE, PALM_SIDE = 48, 32
"""Side of the reliefs of the whole picture and of its palm, in pixels."""

RELIEF_REACH = 5
"""Pixels of a whole picture's relief over which the blur spreads a change."""

_SKETCHES_START = SIDE * SIDE + PALM_SIDE * PALM_SIDE + SIDE * SIDE // 8
_STATISTICS_START = _SKETCHES_START + len(KINDS) * PLACES

_LEVELS_START = _STATISTICS_START + 4 * len(STATISTICS)

_TRAITS_START = _LEVELS_START + 2 * QUANTILES

LENGTH = _TRAITS_START + 4 * TRAITS
"""Bytes per fingerprint: 5,006, so that 100,000 originals with a copy each take 1.0 GB."""

_BLOCK = 2048
"""Pictures unpacked at a time."""

_STORED_DEVIATION = 32.0
"""Standard deviation to which a relief is scaled before it is stored in 8 bits."""

_FLAT_DEVIATION = 0.3
"""Standard deviation in grey levels below which a palm is flat, as after filling."""


def fingerprint(
    picture: Image,
    palm: Mask | None,
    roi: GreyImage | None = None,
    size: tuple[int, int] | None = None,
    *,
    mirrored: bool = False,
) -> NDArray[np.uint8]:
    """The fingerprint of a picture, whatever its size.

    Args:
        picture: (h, w, 3) uint8; a copy at its original's size.
        palm: (h, w) bool, the original's palm; None if unknown.
        roi: (128, 128) uint8, the palm's region of interest if there is one: it is aligned between all pictures of a
            hand, unlike the palm's bounding box.
        size: (height, width) of the picture as returned by the engine; None for the size of `picture`.
        mirrored: Whether the region was mirrored to look like a right palm.

    Returns:
        (`LENGTH`,) uint8; stack those of many pictures to (n, `LENGTH`) for `Fingerprints`.
    """
    plane = grey(picture)
    if palm is None or not palm.any():
        palm = np.ones(plane.shape, bool)
    shown, covered = np.moveaxis(_reduced(np.dstack([plane, palm]), SIDE), 2, 0)
    whole, small = _relief(shown, np.ones((SIDE, SIDE), np.float32)), covered > 0.5
    box = _box(palm)
    if roi is not None:
        part, inside = roi, np.ones((PALM_SIDE, PALM_SIDE), np.float32)
    else:
        part = plane[box]
        reduced = _reduced(palm[box].astype(np.uint8), PALM_SIDE)
        inside = (cv2.erode(reduced, np.ones((3, 3), np.uint8)) > 0.99).astype(np.float32)
    inner = _relief(_reduced(part, PALM_SIDE), inside)
    main = _largest_part(palm, box)
    hidden = sketches(picture, main).view(np.uint8).ravel()
    cut, within = middle(picture, main)
    measured = statistics(cut, within, size or (picture.shape[0], picture.shape[1])).view(np.uint8)
    levels = quantiles(plane, palm).view(np.uint8)
    reliefs = (whole.view(np.uint8).ravel(), inner.view(np.uint8).ravel(), np.packbits(small))
    found = traits(grey(cut), within, roi, mirrored=mirrored).view(np.uint8)
    return np.concatenate([*reliefs, hidden, measured, levels, found])


def _box(palm: Mask) -> tuple[slice, slice]:
    rows = np.flatnonzero(palm.any(axis=1))
    columns = np.flatnonzero(palm[rows[0] : rows[-1] + 1].any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _largest_part(palm: Mask, box: tuple[slice, slice]) -> Mask:
    """Mask of the largest of several palms, within the bounding box of all of them."""
    _, parts, boxes, _ = cv2.connectedComponentsWithStats(palm[box].astype(np.uint8))
    largest = np.zeros_like(palm)
    np.equal(parts, 1 + int(boxes[1:, cv2.CC_STAT_AREA].argmax()), out=largest[box])
    return largest


def _reduced(planes: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(planes.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA), np.float32)


def _relief(small: NDArray[np.float32], inside: NDArray[np.float32]) -> NDArray[np.int8]:
    side = len(small)
    sigma = side / 10
    relief = (small - blurred(small * inside, sigma) / np.maximum(blurred(inside, sigma), 1e-3)) * inside
    count = max(float(inside.sum()), 1.0)
    relief = (relief - relief.sum() / count) * inside
    spread = float(np.sqrt((relief**2).sum() / count))
    if spread < _FLAT_DEVIATION:
        return np.zeros((side, side), np.int8)
    return np.asarray(np.clip(np.rint(relief * (_STORED_DEVIATION / spread)), -127, 127), dtype=np.int8)


class Fingerprints:
    """The fingerprints of many pictures.

    Args:
        rows: (n, `LENGTH`) uint8.
    """

    def __init__(self, rows: NDArray[np.uint8]) -> None:
        if rows.ndim != 2 or rows.shape[1] != LENGTH:
            raise ValueError(f"fingerprints must be of shape (n, {LENGTH}), not {rows.shape}")
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def whole(self, at: slice | NDArray[np.int64] = slice(None)) -> NDArray[np.float32]:
        """(k, 48, 48) float32: reliefs of the whole pictures."""
        return self._rows[at, : SIDE * SIDE].view(np.int8).reshape(-1, SIDE, SIDE).astype(np.float32)

    def palms(self, at: slice | NDArray[np.int64] = slice(None)) -> NDArray[np.float32]:
        """(k, 1024) float32: reliefs of the palms, of norm 1; all zero for a flat palm."""
        part = self._rows[at, SIDE * SIDE : SIDE * SIDE + PALM_SIDE * PALM_SIDE]
        return unit_rows(np.ascontiguousarray(part).view(np.int8).astype(np.float32))

    def masks(self, at: slice | NDArray[np.int64] = slice(None)) -> NDArray[np.float32]:
        """(k, 48, 48) float32: 1 in the palm, else 0."""
        bits = np.unpackbits(self._rows[at, SIDE * SIDE + PALM_SIDE * PALM_SIDE : _SKETCHES_START], axis=1)
        return bits.reshape(-1, SIDE, SIDE).astype(np.float32)

    def sketches(self, at: slice | NDArray[np.int64] = slice(None)) -> NDArray[np.float32]:
        """(k, kinds, places) float32: sketches of noise, of norm 1; all zero without noise."""
        part = np.ascontiguousarray(self._rows[at, _SKETCHES_START:_STATISTICS_START]).view(np.int8)
        return unit_rows(part.astype(np.float32).reshape(-1, PLACES)).reshape(-1, len(KINDS), PLACES)

    def statistics(self, at: slice | NDArray[np.int64] = slice(None)) -> NDArray[np.float32]:
        """(k, len(`deidkit.leakage.statistics.STATISTICS`)) float32: properties of the pictures."""
        return np.ascontiguousarray(self._rows[at, _STATISTICS_START:_LEVELS_START]).view(np.float32)

    def levels(self, at: slice | NDArray[np.int64] = slice(None)) -> NDArray[np.float16]:
        """(k, `deidkit.leakage.levels.QUANTILES`) float16: quantiles of the palms' grey levels."""
        return np.ascontiguousarray(self._rows[at, _LEVELS_START:_TRAITS_START]).view(np.float16)

    def traits(self, at: slice | NDArray[np.int64] = slice(None)) -> NDArray[np.float32]:
        """(k, `deidkit.leakage.traits.TRAITS`) float32: traits of the palms."""
        return np.ascontiguousarray(self._rows[at, _TRAITS_START:]).view(np.float32)

    def search_keys(self) -> NDArray[np.float32]:
        """(n, 256) float32: reliefs of the whole pictures, reduced to 16 x 16, of norm 1."""
        keys = np.empty((len(self), 256), np.float32)
        for start in range(0, len(self), _BLOCK):
            keys[start : start + _BLOCK] = search_keys(self.whole(slice(start, start + _BLOCK)))
        return keys


def search_keys(whole: NDArray[np.float32]) -> NDArray[np.float32]:
    """(k, 256) float32: reliefs of whole pictures, reduced to 16 x 16, of norm 1."""
    return unit_rows(whole.reshape(-1, 16, 3, 16, 3).mean(axis=(2, 4)).reshape(len(whole), 256))


def unit_rows(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Normalise rows to mean 0 and norm 1; flat rows become 0."""
    rows = rows - rows.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 1e-6), dtype=np.float32)
