"""Ordinal code.

Sun, Tan, Wang, Li: "Ordinal palmprint represention for personal identification", CVPR 2005.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from deidkit.comparison import ShiftedHamming
from deidkit_recognizers.code_grid import SIDE
from deidkit_recognizers.codes import BitCodeRecognizer
from deidkit_recognizers.filtering import sampled_responses

ORIENTATIONS = 3


@dataclass(frozen=True)
class OrdinalCode(BitCodeRecognizer):
    """Which of two crossing elongated Gaussians is brighter, at three orientations."""

    matcher = ShiftedHamming(groups=ORIENTATIONS, planes_per_group=1, height=SIDE, width=SIDE, max_shift=2)

    def code(self, region: NDArray[np.float64]) -> NDArray[np.bool_]:
        """3 planes of 32 x 32 bits."""
        return sampled_responses(region, _filters()) > 0


@cache
def _filters() -> NDArray[np.float64]:
    """Gaussians at 0, 30 and 60 degrees, each minus the one across it."""
    angles = [number * math.pi / 6 for number in range(ORIENTATIONS)]
    return np.stack([_gaussian(angle) - _gaussian(angle + math.pi / 2) for angle in angles])


def _gaussian(angle: float) -> NDArray[np.float64]:
    """exp(-(x' / 25)^2 - (y' / 7)^2) on 25 x 7 pixels whatever the angle, of mean zero."""
    length, width = 25, 7
    x, y = np.mgrid[-(length // 2) : length // 2 + 1, -(width // 2) : width // 2 + 1].astype(np.float64)
    along = (x * math.cos(angle) + y * math.sin(angle)) / length
    across = (y * math.cos(angle) - x * math.sin(angle)) / width
    kernel: NDArray[np.float64] = np.exp(-(along**2 + across**2))
    return np.asarray(kernel - kernel.mean())
