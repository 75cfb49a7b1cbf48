"""DRCC, discriminative and robust competitive code.

Xu, Fei, Wen, Zhang: "Discriminative and robust competitive code for palmprint recognition", IEEE TSMC: Systems 48
(2018).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from deidkit_recognizers import gabor
from deidkit_recognizers.codes import CodeRecognizer
from deidkit_recognizers.filtering import filtered, sampled_responses
from deidkit_recognizers.lookup import ShiftedTable

ORIENTATIONS = 6


@dataclass(frozen=True)
class DRCC(CodeRecognizer):
    """The dominant orientation after smoothing, and which of its two neighbours responds more."""

    def code(self, region: NDArray[np.float64]) -> NDArray[np.uint8]:
        """(32, 32) uint8: 2 x orientation + side."""
        response = sampled_responses(filtered(region, _gaussian()), gabor.line_filters())
        dominant = response.argmax(axis=0)
        after = np.take_along_axis(response, (dominant + 1)[None] % ORIENTATIONS, axis=0)[0]
        before = np.take_along_axis(response, (dominant - 1)[None] % ORIENTATIONS, axis=0)[0]
        return np.asarray(2 * dominant + (after >= before), np.uint8)

    def compare(self, probes: NDArray[np.uint8], references: NDArray[np.uint8]) -> NDArray[np.float64]:
        """(p, r) float64 in 0..1, the smallest over shifts within 2."""
        return _comparator().compare(probes, references)


@cache
def _gaussian() -> NDArray[np.float64]:
    """5 x 5, standard deviation 1 pixel, sum 1."""
    profile = np.exp(-(np.arange(-2, 3) ** 2) / 2.0)
    kernel = np.outer(profile, profile)
    return np.asarray(kernel / kernel.sum())


@cache
def _comparator() -> ShiftedTable:
    """Half the angular distance, and half a point for equal orientations with different sides."""
    orientation, side = np.divmod(np.arange(2 * ORIENTATIONS), 2)
    apart = np.abs(orientation[:, None] - orientation[None, :])
    angular = np.minimum(apart, ORIENTATIONS - apart)
    other_side = (angular == 0) & (side[:, None] != side[None, :])
    return ShiftedTable((angular / 3.0 + other_side) / 2.0, max_shift=2)
