"""CompCode, competitive code, and its faster twin of two orientations.

Kong, Zhang: "Competitive coding scheme for palmprint verification", ICPR 2004. Zheng, Kumar, Pan: "Suspecting less
and doing better: new insights on palmprint identification for faster and more accurate matching", IEEE TIFS 11 (2016).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidkit.comparison import ShiftedHamming
from deidkit_recognizers import gabor
from deidkit_recognizers.code_grid import SIDE
from deidkit_recognizers.codes import BitCodeRecognizer
from deidkit_recognizers.filtering import sampled_responses

ORIENTATIONS = 6


@dataclass(frozen=True)
class CompCode(BitCodeRecognizer):
    """The winning of six orientations, compared by angular distance."""

    matcher = ShiftedHamming(groups=1, planes_per_group=ORIENTATIONS // 2, height=SIDE, width=SIDE, max_shift=2)

    def code(self, region: NDArray[np.float64]) -> NDArray[np.bool_]:
        """The winner at 32 x 32 places, in 3 bits."""
        winners = sampled_responses(region, gabor.line_filters()).argmin(axis=0)
        return angular_bits(winners)


@dataclass(frozen=True)
class FastCC(BitCodeRecognizer):
    """Which of two responses at right angles is larger: one bit a place."""

    matcher = ShiftedHamming(groups=1, planes_per_group=1, height=SIDE, width=SIDE, max_shift=4)

    def code(self, region: NDArray[np.float64]) -> NDArray[np.bool_]:
        """One plane of 32 x 32 bits."""
        one, across = sampled_responses(region, gabor.line_filters()[[0, ORIENTATIONS // 2]])
        return np.asarray(one > across)[None]


def angular_bits(winner: NDArray[np.intp]) -> NDArray[np.bool_]:
    """(h, w) orientations -> (3, h, w) bits, whose Hamming distance is the angular distance of two orientations."""
    bit = np.arange(ORIENTATIONS // 2)[:, None, None]
    return np.asarray((bit < winner) & (winner <= bit + ORIENTATIONS // 2))
