"""RLOC, robust line orientation code, and its faster twin with pixel-to-pixel matching.

Jia, Huang, Zhang: "Palmprint verification based on robust line orientation code", Pattern Recognition 41 (2008).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from deidkit.comparison import ShiftedHamming
from deidkit.protocols import GreyImage
from deidkit_recognizers.code_grid import SIDE
from deidkit_recognizers.codes import CodeRecognizer
from deidkit_recognizers.filtering import as_float, sampled_responses

ORIENTATIONS = 6
WINDOW = 16
"""Side of the window of the modified finite Radon transform, in pixels."""

_ONE_HOT = ShiftedHamming(groups=1, planes_per_group=ORIENTATIONS, height=SIDE, width=SIDE, max_shift=4)


@dataclass(frozen=True)
class RLOC(CodeRecognizer):
    """Orientation of the darkest line through a pixel, matched to a pixel or its four neighbours.

    The distance of the better of both directions is taken, so it is symmetric.
    """

    def extract(self, images: Sequence[GreyImage]) -> NDArray[np.uint32]:
        """128 x 128 uint8 ROIs -> (n, 6, 32) uint32: for each orientation and row the columns that have it."""
        planes = line_orientations(images)[:, None] == np.arange(ORIENTATIONS)[:, None, None]
        bits = np.uint32(1) << np.arange(SIDE, dtype=np.uint32)
        rows: NDArray[np.uint32] = (planes * bits).sum(axis=-1, dtype=np.uint32)
        return rows

    def compare(self, probes: NDArray[np.uint32], references: NDArray[np.uint32]) -> NDArray[np.float64]:
        """(p, r) float64 in 0..1, the smallest over shifts within 2."""
        from deidkit_recognizers import kernels

        distances = np.empty((len(probes), len(references)))
        kernels.pixel_to_area(probes, references, 2, distances)
        return distances


@dataclass(frozen=True)
class FastRLOC(CodeRecognizer):
    """Orientation of the darkest line through a pixel, matched pixel to pixel."""

    def extract(self, images: Sequence[GreyImage]) -> NDArray[np.uint64]:
        """128 x 128 uint8 ROIs -> (n, 96) uint64: a plane of 32 x 32 bits for each orientation."""
        return _ONE_HOT.pack(line_orientations(images)[:, None] == np.arange(ORIENTATIONS)[:, None, None])

    def compare(self, probes: NDArray[np.uint64], references: NDArray[np.uint64]) -> NDArray[np.float64]:
        """(p, r) float64 in 0..1: share of pixels that differ, the smallest over shifts within 4."""
        # two different orientations differ in two of the six planes
        return _ONE_HOT.compare(probes, references) * (ORIENTATIONS / 2)


def line_orientations(images: Sequence[GreyImage]) -> NDArray[np.intp]:
    """(n, 32, 32) number of the darkest of six lines through each sampled pixel, the first of equals."""
    # The sums are whole numbers; rounding takes away what the fast filter adds, so that equals stay equal.
    sums = [np.rint(sampled_responses(image, _lines())) for image in as_float(images)]
    return np.asarray(np.stack(sums).argmin(axis=1))


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
