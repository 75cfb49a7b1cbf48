"""Detection of palms that were cut into blocks and rearranged, or shifted cyclically.

No place of such a copy shows the palm, and its pixels are not exactly the original's. A rearranged palm is recognized
by seams on a regular grid, whose blocks fit somewhere in the original, but not upside down. A cyclic shift is
recognized by a correlation peak at one shift, far above that at all others.

Measured on 24 synthetic palms for each kind of copy: seams of shuffled blocks of 16 pixels, as JPEG 80 or resampled,
reach 13.7 to 16.6, honest copies at most 11.9; of shuffled blocks about 60 % more fit upright than rotated, of honest
ones at most 10 %. A cyclic shift stands out by 22 standard deviations or more, also after JPEG 60, noise or a blur,
that of 2,040 unrelated palms by 15.4 at most, with 1.3 more for each tenfold rarer event; rows shifted separately
correlate by 0.23 better at their height, those of honest copies by 0.04.
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
"""Least strength of a grid, the sum over rows and columns, each in standard deviations."""

FITTING, UPRIGHT, BLOCKS = 0.95, 0.3, 12
"""Least correlation of a fitting block; share of blocks by which more must fit upright than rotated; least number."""

SHIFT_PEAK = 18.5
"""Standard deviations of the peak of a cyclic shift; one unrelated palm in a million reaches it by chance."""

_NEAR = 6
"""Shift in pixels, of 64, up to which a palm is in place."""

LINE_SHIFT_GAIN = 0.2
"""Gain in correlation of rows, or columns, that were shifted cyclically by themselves, at their own height over other
heights."""

_SIDE = 128
_SMALLEST, _LARGEST, _STEP = 9.0, 34.0, 0.2
"""Smallest and largest block side, and step, in pixels of a region."""

_MOST_UNEQUAL = 0.5
"""Largest difference of height and width of blocks, in pixels."""

_RIM = 3
"""Pixels of a block, of both sides together, into which its neighbours bleed."""

_TEXTURED = 1.5


class _Grid(NamedTuple):
    """Seams in one direction: their strength, distance and first position."""

    strength: float
    distance: float
    first: float


def scattered(original: GreyImage, copy: GreyImage) -> Literal["shuffled", "moved"] | None:
    """Whether a copy is its original cut and rearranged, or shifted cyclically.

    Args:
        original: (128, 128) uint8 palm region.
        copy: (128, 128) uint8, the same region of the copy.
    """
    ours, theirs = _half_size_detail(original), _half_size_detail(copy)
    if _cyclic_shift(ours, theirs) >= SHIFT_PEAK or _line_shift_gain(ours, theirs) >= LINE_SHIFT_GAIN:
        return "moved"
    return "shuffled" if _is_rearranged(original, copy) else None


def _cyclic_shift(ours: Plane, theirs: Plane) -> float:
    """Height of the highest phase-correlation peak at a large cyclic shift, over all turns, in standard deviations.

    Small shifts are examined elsewhere, and average palms of many people are roughly in place.
    """
    spectrum = np.fft.rfft2(ours)
    best = 0.0
    for turn in TURNS:
        product = spectrum * np.conj(np.fft.rfft2(turn.apply(theirs)))
        size = np.sqrt(np.abs(product))
        if not size.any():
            return 0.0
        surface = np.abs(np.fft.irfft2(product / (size + 1e-3 * size.max()), ours.shape))
        best = max(best, float((surface * _large_shifts()).max() / surface.std()))
    return best


@lru_cache(maxsize=1)
def _large_shifts() -> Plane:
    """(64, 64) float32: 1 for large shifts in rows or columns, else 0."""
    shifts = np.abs(np.fft.fftfreq(_SIDE // 2, 2 / _SIDE))
    return np.asarray(np.maximum(shifts[:, None], shifts) > _NEAR, np.float32)


def _line_shift_gain(ours: Plane, theirs: Plane) -> float:
    """Gain in correlation of rows, or columns, at their own height over other heights, at any cyclic shift of each."""
    best = 0.0
    for one, other in ((ours, theirs), (ours.T, theirs.T)):
        spectra, seen = _unit_spectra(one), np.conj(_unit_spectra(other))
        places = np.fft.irfft(spectra * seen, axis=1).argmax(axis=1)
        if np.mean(np.minimum(places, one.shape[1] - places) <= 1) > _IN_PLACE:
            continue  # the lines are in place, as after a weak blur

        def fit(moved: int, spectra: NDArray[np.complex64] = spectra, seen: NDArray[np.complex64] = seen) -> float:
            surface = np.fft.irfft(np.roll(spectra, moved, axis=0) * seen, axis=1)
            return float(np.median(surface.max(axis=1)))

        best = max(best, fit(0) - max(fit(moved) for moved in _OTHER_ROWS))
    return best


_IN_PLACE = 0.5
"""Share of lines that fit best without a shift above which they were not shifted."""

_OTHER_ROWS = (16, 24, 32, 40)
"""Offsets in rows, of 64, that provide the correlation by chance."""


def _unit_spectra(rows: Plane) -> NDArray[np.complex64]:
    """Spectra of rows normalised to mean 0 and norm 1."""
    centred = rows - rows.mean(axis=1, keepdims=True)
    sizes = np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-3)
    return np.asarray(np.fft.rfft(centred / sizes, axis=1), np.complex64)


def _half_size_detail(region: GreyImage) -> Plane:
    """(64, 64) detail of mean 0."""
    plane = region.astype(np.float32)
    detail = np.asarray(blurred(plane, 0.8) - blurred(plane, 4.0), np.float32)[::2, ::2]
    detail = clipped(detail)
    return np.asarray(detail - detail.mean(), np.float32)


def _is_rearranged(original: GreyImage, copy: GreyImage) -> bool:
    """Whether the copy has a grid of blocks, most of which fit somewhere in the original."""
    seen = copy.astype(np.float32)
    across, down = _grid(seen), _grid(np.ascontiguousarray(seen.T))
    if across.strength + down.strength < SEAMS or abs(across.distance - down.distance) > _MOST_UNEQUAL:
        return False
    whole, seen = blurred(original.astype(np.float32), 0.7), blurred(seen, 0.7)
    side = int(min(across.distance, down.distance)) - _RIM
    upright = turned = count = 0
    for top in _block_starts(down, side):
        for left in _block_starts(across, side):
            block = seen[top : top + side, left : left + side]
            if block.std() < _TEXTURED or _fits(whole[top : top + side, left : left + side], block):
                continue  # flat, or in place
            count += 1
            upright += _fits(whole, block)
            turned += _fits(whole, np.ascontiguousarray(block[::-1, ::-1]))
    return count >= BLOCKS and upright - turned >= UPRIGHT * count


def _fits(whole: Plane, block: Plane) -> bool:
    return float(cv2.matchTemplate(whole, block, cv2.TM_CCOEFF_NORMED).max()) >= FITTING


def _block_starts(grid: _Grid, side: int) -> list[int]:
    """Starts of the inner parts of blocks."""
    starts = np.arange(grid.first - grid.distance, _SIDE, grid.distance) + 1 + (grid.distance - side) / 2
    return [int(start) for start in np.rint(starts) if 0 <= start <= _SIDE - side]


def _grid(plane: Plane) -> _Grid:
    """The grid with the strongest steps from one column to the next."""
    steps = np.abs(np.diff(plane, axis=1)).mean(axis=0)
    steps = steps - cv2.blur(steps[None], (5, 1))[0]
    spread = float(steps.std())
    if spread < 1e-6:
        return _Grid(0.0, _SMALLEST, 0.0)
    combs, grids = _matched_filters()
    strengths = combs @ (steps / spread)
    best = int(strengths.argmax())
    return _Grid(float(strengths[best]), *grids[best])


@lru_cache(maxsize=1)
def _matched_filters() -> tuple[NDArray[np.float32], list[tuple[float, float]]]:
    """(n, 127) matched filters of norm 1, one per grid with equal weights on its seams, and its (distance, first)."""
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
