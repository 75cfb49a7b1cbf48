"""FusionCode.

Kong, Zhang, Kamel: "Palmprint identification using feature-level fusion", Pattern Recognition 39 (2006).
"""

from __future__ import annotations

import math
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

ORIENTATIONS = 4


@dataclass(frozen=True)
class FusionCode(BitCodeRecognizer):
    """Quadrant of the phase of the strongest of four complex Gabor responses."""

    matcher = ShiftedHamming(groups=1, planes_per_group=2, height=SIDE, width=SIDE, max_shift=2)

    def extract(self, images: Sequence[GreyImage]) -> NDArray[np.uint64]:
        """128 x 128 uint8 ROIs -> (n, 32) uint64: 2 planes of 32 x 32 bits."""
        kernels = [gabor.complex_kernel(number * math.pi / ORIENTATIONS) for number in range(ORIENTATIONS)]
        real, imaginary = np.stack([k.real for k in kernels]), np.stack([k.imag for k in kernels])
        codes = []
        for image in as_float(images):
            response = sampled_responses(image, real) + 1j * sampled_responses(image, imaginary)
            strongest = np.abs(response).argmax(axis=0)
            phase = np.angle(np.take_along_axis(response, strongest[None], axis=0)[0])
            codes.append(np.stack([(phase >= -math.pi / 2) & (phase < math.pi / 2), (phase >= 0) & (phase < math.pi)]))
        return self.matcher.pack(np.stack(codes))
