"""BOCV, binary orientation co-occurrence vector.

Guo, Zhang, Zhang, Zhang: "Palmprint verification using binary orientation co-occurrence vector", Pattern Recognition
Letters 30 (2009). MTCC's first order alone.
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
class BOCV(BitCodeRecognizer):
    """Signs of six Gabor responses, each plane at its own best shift within 4."""

    matcher = ShiftedHamming(groups=ORIENTATIONS, planes_per_group=1, height=SIDE, width=SIDE, max_shift=4)

    def code(self, region: NDArray[np.float64]) -> NDArray[np.bool_]:
        """6 planes of 32 x 32 bits."""
        return sampled_responses(region, gabor.line_filters()) > 0
