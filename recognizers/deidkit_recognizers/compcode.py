"""CompCode, competitive code, and its faster twin of two orientations.

Kong, Zhang: "Competitive coding scheme for palmprint verification", ICPR 2004. Zheng, Kumar, Pan: "Suspecting less
and doing better: new insights on palmprint identification for faster and more accurate matching", IEEE TIFS 11 (2016).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidkit.comparison import ShiftedHamming
from deidkit.protocols import GreyImage
from deidkit_recognizers import gabor
from deidkit_recognizers.code_grid import SIDE
from deidkit_recognizers.codes import BitCodeRecognizer
from deidkit_recognizers.filtering import as_float, sampled_responses

ORIENTATIONS = 6


@dataclass(frozen=True)
class CompCode(BitCodeRecognizer):
    """The winning of six orientations, compared by angular distance."""

    matcher = ShiftedHamming(groups=1, planes_per_group=ORIENTATIONS // 2, height=SIDE, width=SIDE, max_shift=2)

    def extract(self, images: Sequence[GreyImage]) -> NDArray[np.uint64]:
        """128 x 128 uint8 ROIs -> (n, 48) uint64: the winner at 32 x 32 places in 3 bits."""
        kernels = -gabor.bank(ORIENTATIONS, 0.5, 2.0)
        winners = [sampled_responses(image, kernels).argmin(axis=0) for image in as_float(images)]
        return self.matcher.pack(angular_bits(np.stack(winners), ORIENTATIONS))


@dataclass(frozen=True)
class FastCC(BitCodeRecognizer):
    """Which of two responses at right angles is larger: one bit a place."""

    matcher = ShiftedHamming(groups=1, planes_per_group=1, height=SIDE, width=SIDE, max_shift=4)

    def extract(self, images: Sequence[GreyImage]) -> NDArray[np.uint64]:
        """128 x 128 uint8 ROIs -> (n, 16) uint64: 32 x 32 bits."""
        kernels = -gabor.bank(ORIENTATIONS, 0.5, 2.0)[[0, ORIENTATIONS // 2]]
        pairs = np.stack([sampled_responses(image, kernels) for image in as_float(images)])
        return self.matcher.pack(pairs[:, :1] > pairs[:, 1:])


def angular_bits(winners: NDArray[np.intp], orientations: int) -> NDArray[np.bool_]:
    """Code orientations so that the Hamming distance of two codes is the angular distance of two orientations.

    Args:
        winners: (n, h, w) numbers of orientations, 0 .. orientations - 1; `orientations` is even.
        orientations: How many there are on half a turn.

    Returns:
        (n, orientations / 2, h, w) bool: bit b is set where b < winner <= b + orientations / 2.
    """
    half = orientations // 2
    bit = np.arange(half)[:, None, None]
    winner = winners[:, None]
    return (bit < winner) & (winner <= bit + half)
