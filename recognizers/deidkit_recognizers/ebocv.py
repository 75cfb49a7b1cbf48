"""E-BOCV, BOCV with its fragile bits set apart.

Zhang, Li, Niu: "Fragile bits in palmprint recognition", IEEE Signal Processing Letters 19 (2012).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidkit_recognizers import gabor
from deidkit_recognizers.codes import CodeRecognizer, packed_rows
from deidkit_recognizers.filtering import responses, sampled

ORIENTATIONS = 6
FRAGILE_SHARE = 0.08
"""Share of the weakest responses of each orientation whose bits are called fragile."""

HAMMING_WEIGHT = 0.45
"""Weight of the Hamming distance of the bits that are not fragile; the rest is for the pattern of those that are."""


@dataclass(frozen=True)
class EBOCV(CodeRecognizer):
    """Signs of six Gabor responses without the fragile ones, and where these are.

    The pattern's distance is a share of the bits that are firm in both, which has no bound of its own; above 2 it is
    cut off, which takes two palms of which hardly a bit is firm.
    """

    score_range = (0.0, 2.0)

    def code(self, region: NDArray[np.float64]) -> NDArray[np.uint32]:
        """(12, 32) uint32: rows of 6 planes of bits, then of 6 planes of firmness."""
        response = responses(region, gabor.line_filters())
        magnitude = np.abs(response)
        place = max(0, math.floor(magnitude[0].size * FRAGILE_SHARE) - 1)
        weakest = np.partition(magnitude.reshape(ORIENTATIONS, -1), place, axis=1)[:, place]
        return packed_rows(np.concatenate([sampled(response) > 0, sampled(magnitude) >= weakest[:, None, None]]))

    def compare(self, probes: NDArray[np.uint32], references: NDArray[np.uint32]) -> NDArray[np.float64]:
        """(p, r) float64 in 0..2, each plane at its best shift within 4."""
        from deidkit_recognizers import kernels

        distances = np.empty((len(probes), len(references)))
        kernels.fragile_bits(probes, references, 4, HAMMING_WEIGHT, distances)
        return np.minimum(distances, self.score_range[1])
