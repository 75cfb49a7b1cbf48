"""DRCC, discriminative and robust competitive code.

Xu, Fei, Wen, Zhang: "Discriminative and robust competitive code for palmprint recognition", IEEE TSMC: Systems 48
(2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import GreyImage
from deidkit_recognizers import gabor
from deidkit_recognizers.codes import CodeRecognizer
from deidkit_recognizers.filtering import as_float, filtered, sampled_responses
from deidkit_recognizers.lookup import ShiftedTable

ORIENTATIONS = 6


@dataclass(frozen=True)
class DRCC(CodeRecognizer):
    """The dominant orientation after smoothing, and which of its two neighbours responds more."""

    def extract(self, images: Sequence[GreyImage]) -> NDArray[np.uint8]:
        """128 x 128 uint8 ROIs -> (n, 32, 32) uint8: 2 x orientation + side."""
        kernels = -gabor.bank(ORIENTATIONS, 0.5, 2.0)
        codes = []
        for image in as_float(images):
            response = sampled_responses(filtered(image, _gaussian()), kernels)
            dominant = response.argmax(axis=0)
            after = np.take_along_axis(response, (dominant + 1)[None] % ORIENTATIONS, axis=0)[0]
            before = np.take_along_axis(response, (dominant - 1)[None] % ORIENTATIONS, axis=0)[0]
            codes.append((2 * dominant + (after >= before)).astype(np.uint8))
        return np.stack(codes)

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
