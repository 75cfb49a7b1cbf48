"""PalmCode.

Zhang, Kong, You, Wong: "Online palmprint identification", IEEE TPAMI 25 (2003).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidkit.comparison import ShiftedHamming
from deidkit_recognizers import gabor
from deidkit_recognizers.code_grid import SIDE
from deidkit_recognizers.codes import BitCodeRecognizer
from deidkit_recognizers.filtering import sampled_responses


@dataclass(frozen=True)
class PalmCode(BitCodeRecognizer):
    """Signs of the real and imaginary part of one complex Gabor response at 45 degrees."""

    matcher = ShiftedHamming(groups=1, planes_per_group=2, height=SIDE, width=SIDE, max_shift=2)

    def code(self, region: NDArray[np.float64]) -> NDArray[np.bool_]:
        """2 planes of 32 x 32 bits."""
        kernel = gabor.complex_kernel(math.pi / 4)
        return sampled_responses(region, np.stack([kernel.real, kernel.imag])) > 0
