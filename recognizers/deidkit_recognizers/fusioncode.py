"""FusionCode.

Kong, Zhang, Kamel: "Palmprint identification using feature-level fusion", Pattern Recognition 39 (2006).
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

ORIENTATIONS = 4


@dataclass(frozen=True)
class FusionCode(BitCodeRecognizer):
    """Quadrant of the phase of the strongest of four complex Gabor responses."""

    matcher = ShiftedHamming(groups=1, planes_per_group=2, height=SIDE, width=SIDE, max_shift=2)

    def code(self, region: NDArray[np.float64]) -> NDArray[np.bool_]:
        """2 planes of 32 x 32 bits."""
        kernels = [gabor.complex_kernel(number * math.pi / ORIENTATIONS) for number in range(ORIENTATIONS)]
        real, imaginary = np.stack([k.real for k in kernels]), np.stack([k.imag for k in kernels])
        response = sampled_responses(region, real) + 1j * sampled_responses(region, imaginary)
        strongest = np.abs(response).argmax(axis=0)
        phase = np.angle(np.take_along_axis(response, strongest[None], axis=0)[0])
        return np.stack([(phase >= -math.pi / 2) & (phase < math.pi / 2), (phase >= 0) & (phase < math.pi)])
