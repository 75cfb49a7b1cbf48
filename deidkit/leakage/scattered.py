"""Palms that were cut up and joined in another order, or pushed round, before they were stored again.

No place of such a copy shows the palm, and its pixels are not the original's to the bit. What betrays it: seams lie on
a grid, and what lies between them fits somewhere in the original, and does not when it is turned upside down; a palm
that was pushed out at one side comes in at the other, and fits at one cyclic shift far better than at all others.

Measured on 24 drawn palms for each kind of copy: seams of shuffled blocks of 16 pixels, as JPEG 80 or resampled, reach
13.7 to 16.6, honest copies at most 11.9; of shuffled ones about 60 % more blocks fit upright than turned, of honest
ones at most 10 %. A cyclic shift stands out by 22 standard deviations or more, also after JPEG 60, noise or a blur,
and that of 2,040 strange palms by 15.4 at most, of a tenth as many at each 1.3 more; pushed rows fit by 0.23 better
at their height, those of honest copies by 0.04.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.leakage.relief import Plane, blurred, clipped
from deidkit.leakage.turns import TURNS
from deidkit.protocols import GreyImage

SEAMS = 12.5
"""Least sum of what stands out along rows and along columns, each in standard deviations, of a grid."""

FITTING, UPRIGHT, BLOCKS = 0.95, 0.3, 12
"""Correlation from which a block fits; by which share more blocks must fit as they lie than turned; least number."""

SHIFTED = 18.5
"""Standard deviations by which one cyclic shift stands out; about one strange palm in a million does by chance."""

_NEAR = 6
"""Pixels, of 64, up to which a shift is none."""

PUSHED = 0.2
"""By how much more the rows of a copy, or its columns, each pushed round by itself, correlate with those of the
original at their height than with others."""

_SIDE = 128
_SMALLEST, _LARGEST, _STEP = 9.0, 34.0, 0.2
"""Sides of blocks, in pixels of a region, that are tried."""

_EQUAL = 0.5
"""Pixels by which blocks may be higher than they are wide."""

_RIM = 3
"""Pixels of a block, at both sides together, which its neighbours run into."""

_TEXTURED = 1.5


class _Grid(NamedTuple):
    """Seams of one direction: how much they stand out, the distance from one to the next, and where the first is."""

    strength: float
    distance: float
    first: float


def scattered(original: GreyImage, copy: GreyImage) -> Literal["shuffled", "moved"] | None:
    """Whether a copy is its original cut and joined anew.

    Args:
        original: (128, 128) uint8 palm region.
        copy: (128, 128) uint8, the same place of the copy.
    """
    ours, theirs = _halved(original), _halved(copy)
    if _cyclic_shift(ours, theirs) >= SHIFTED or _pushed_lines(ours, theirs) >= PUSHED:
        return "moved"
    return "shuffled" if _of_its_blocks(original, copy) else None


def _cyclic_shift(ours: Plane, theirs: Plane) -> float:
    """By how much the best wide cyclic shift of the copy, turned in any way, stands out.

    What lies in place is examined elsewhere, and mean palms of many people all lie about in place.
    """
    spectrum = np.fft.rfft2(ours)
    best = 0.0
    for turn in TURNS:
        product = spectrum * np.conj(np.fft.rfft2(turn.apply(theirs)))
        size = np.sqrt(np.abs(product))
        if not size.any():
            return 0.0
        surface = np.abs(np.fft.irfft2(product / (size + 1e-3 * size.max()), ours.shape))
        best = max(best, float((surface * _far()).max() / surface.std()))
    return best


@lru_cache(maxsize=1)
def _far() -> Plane:
    """(64, 64) 1 for shifts that are wide in rows or in columns, else 0."""
    shifts = np.abs(np.fft.fftfreq(_SIDE // 2, 2 / _SIDE))
    return np.asarray(np.maximum(shifts[:, None], shifts) > _NEAR, np.float32)


def _pushed_lines(ours: Plane, theirs: Plane) -> float:
    """By how much rows, or columns, fit better at their own height, at any cyclic shift of each."""
    best = 0.0
    for one, other in ((ours, theirs), (ours.T, theirs.T)):
        spectra, seen = _unit_spectra(one), np.conj(_unit_spectra(other))
        places = np.fft.irfft(spectra * seen, axis=1).argmax(axis=1)
        if np.mean(np.minimum(places, one.shape[1] - places) <= 1) > _STAYED:
            continue  # a weak blur leaves lines where they were

        def fit(moved: int, spectra: NDArray[np.complex64] = spectra, seen: NDArray[np.complex64] = seen) -> float:
            surface = np.fft.irfft(np.roll(spectra, moved, axis=0) * seen, axis=1)
            return float(np.median(surface.max(axis=1)))

        best = max(best, fit(0) - max(fit(moved) for moved in _ELSEWHERE))
    return best


_STAYED = 0.5
"""Share of the lines that fit best where they were, above which nobody pushed them."""

_ELSEWHERE = (16, 24, 32, 40)
"""Rows, of 64, by which rows are exchanged to see what chance fits."""


def _unit_spectra(rows: Plane) -> NDArray[np.complex64]:
    """Spectra of rows of mean zero and length one."""
    centred = rows - rows.mean(axis=1, keepdims=True)
    sizes = np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-3)
    return np.asarray(np.fft.rfft(centred / sizes, axis=1), np.complex64)


def _halved(region: GreyImage) -> Plane:
    """(64, 64) detail of mean zero."""
    plane = region.astype(np.float32)
    detail = np.asarray(blurred(plane, 0.8) - blurred(plane, 4.0), np.float32)[::2, ::2]
    detail = clipped(detail)
    return np.asarray(detail - detail.mean(), np.float32)


def _of_its_blocks(original: GreyImage, copy: GreyImage) -> bool:
    """Whether there are blocks, most of which fit somewhere in the original."""
    seen = copy.astype(np.float32)
    across, down = _grid(seen), _grid(np.ascontiguousarray(seen.T))
    if across.strength + down.strength < SEAMS or abs(across.distance - down.distance) > _EQUAL:
        return False
    whole, seen = blurred(original.astype(np.float32), 0.7), blurred(seen, 0.7)
    side = int(min(across.distance, down.distance)) - _RIM
    upright = turned = count = 0
    for top in _inside(down, side):
        for left in _inside(across, side):
            block = seen[top : top + side, left : left + side]
            if block.std() < _TEXTURED or _fits(whole[top : top + side, left : left + side], block):
                continue  # flat, or where it was: what a mosaic left alone
            count += 1
            upright += _fits(whole, block)
            turned += _fits(whole, np.ascontiguousarray(block[::-1, ::-1]))
    return count >= BLOCKS and upright - turned >= UPRIGHT * count


def _fits(whole: Plane, block: Plane) -> bool:
    return float(cv2.matchTemplate(whole, block, cv2.TM_CCOEFF_NORMED).max()) >= FITTING


def _inside(grid: _Grid, side: int) -> list[int]:
    """Where the middle parts of blocks begin."""
    starts = np.arange(grid.first - grid.distance, _SIDE, grid.distance) + 1 + (grid.distance - side) / 2
    return [int(start) for start in np.rint(starts) if 0 <= start <= _SIDE - side]


def _grid(plane: Plane) -> _Grid:
    """The grid whose seams stand out most from one column to the next."""
    steps = np.abs(np.diff(plane, axis=1)).mean(axis=0)
    steps = steps - cv2.blur(steps[None], (5, 1))[0]
    spread = float(steps.std())
    if spread < 1e-6:
        return _Grid(0.0, _SMALLEST, 0.0)
    combs, grids = _combs()
    strengths = combs @ (steps / spread)
    best = int(strengths.argmax())
    return _Grid(float(strengths[best]), *grids[best])


@lru_cache(maxsize=1)
def _combs() -> tuple[NDArray[np.float32], list[tuple[float, float]]]:
    """(n, 127) a row of equal weights, of norm 1, for the seams of each grid, and the grids."""
    rows, grids = [], []
    for distance in np.arange(_SMALLEST, _LARGEST, _STEP):
        for first in np.arange(0.0, distance):
            seams = np.rint(np.arange(first, _SIDE - 1.5, distance)).astype(int)
            if len(seams) >= 3:
                row = np.zeros(_SIDE - 1, np.float32)
                row[seams] = 1 / np.sqrt(len(seams))
                rows.append(row)
                grids.append((float(distance), float(first)))
    return np.stack(rows), grids
