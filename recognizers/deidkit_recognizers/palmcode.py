"""PalmCode.

Zhang, Kong, You, Wong: "Online palmprint identification", IEEE TPAMI 25 (2003).
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


@dataclass(frozen=True)
class PalmCode(BitCodeRecognizer):
    """Signs of the real and imaginary part of one complex Gabor response at 45 degrees."""

    matcher = ShiftedHamming(groups=1, planes_per_group=2, height=SIDE, width=SIDE, max_shift=2)

    def extract(self, images: Sequence[GreyImage]) -> NDArray[np.uint64]:
        """128 x 128 uint8 ROIs -> (n, 32) uint64: 2 planes of 32 x 32 bits."""
        kernel = gabor.complex_kernel(math.pi / 4)
        parts = np.stack([kernel.real, kernel.imag])
        return self.matcher.pack(np.stack([sampled_responses(image, parts) > 0 for image in as_float(images)]))
