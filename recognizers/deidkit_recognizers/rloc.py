"""RLOC, robust line orientation code, and its faster twin with pixel-to-pixel matching.

Jia, Huang, Zhang: "Palmprint verification based on robust line orientation code", Pattern Recognition 41 (2008).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from deidkit.comparison import ShiftedHamming
from deidkit_recognizers.code_grid import SIDE
from deidkit_recognizers.codes import BitCodeRecognizer, CodeRecognizer, packed_rows
from deidkit_recognizers.filtering import sampled_responses

ORIENTATIONS = 6
WINDOW = 16
"""Side of the window of the modified finite Radon transform, in pixels."""


@dataclass(frozen=True)
class RLOC(CodeRecognizer):
    """Orientation of the darkest line through a pixel, matched to a pixel or its four neighbours.

    The distance of the better of both directions is taken, so it is symmetric.
    """

    def code(self, region: NDArray[np.float64]) -> NDArray[np.uint32]:
        """(6, 32) uint32: for each orientation and row the columns that have it."""
        return packed_rows(line_orientations(region))

    def compare(self, probes: NDArray[np.uint32], references: NDArray[np.uint32]) -> NDArray[np.float64]:
        """(p, r) float64 in 0..1, the smallest over shifts within 2."""
        from deidkit_recognizers import kernels

        distances = np.empty((len(probes), len(references)))
        kernels.pixel_to_area(probes, references, 2, distances)
        return distances


@dataclass(frozen=True)
class FastRLOC(BitCodeRecognizer):
    """Orientation of the darkest line through a pixel, matched pixel to pixel."""

    matcher = ShiftedHamming(groups=1, planes_per_group=ORIENTATIONS, height=SIDE, width=SIDE, max_shift=4)

    def code(self, region: NDArray[np.float64]) -> NDArray[np.bool_]:
        """A plane of 32 x 32 bits for each orientation."""
        return line_orientations(region)

    def compare(self, probes: NDArray[np.uint64], references: NDArray[np.uint64]) -> NDArray[np.float64]:
        """(p, r) float64 in 0..1: share of pixels that differ, the smallest over shifts within 4."""
        # two different orientations differ in two of the six planes
        return super().compare(probes, references) * (ORIENTATIONS / 2)


def line_orientations(region: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(6, 32, 32) whether a line is the darkest of six through each sampled pixel, the first of equals."""
    # The sums are whole numbers; rounding takes away what the fast filter adds, so that equals stay equal.
    darkest = np.rint(sampled_responses(region, _lines())).argmin(axis=0)
    return np.asarray(darkest == np.arange(ORIENTATIONS)[:, None, None])


@cache
def _lines() -> NDArray[np.float64]:
    """(6, 16, 16) windows with a line four pixels thick through the middle, at multiples of 30 degrees."""
    middle = WINDOW // 2
    windows = np.zeros((ORIENTATIONS, WINDOW, WINDOW))
    for number, window in enumerate(windows):
        angle = number * math.pi / ORIENTATIONS
        flat = angle <= math.pi / 4 or angle >= 3 * math.pi / 4
        slope = math.tan(angle if flat else math.pi / 2 - angle)
        for place in range(1, WINDOW + 1):
            centre = int(middle - slope * (place - middle))
            across = slice(max(1, centre - 1) - 1, min(WINDOW, centre + 2))
            window[(across, place - 1) if flat else (place - 1, across)] = 1.0
    return windows
