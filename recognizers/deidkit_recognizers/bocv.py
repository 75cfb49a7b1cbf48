"""BOCV, binary orientation co-occurrence vector.

Guo, Zhang, Zhang, Zhang: "Palmprint verification using binary orientation co-occurrence vector", Pattern Recognition
Letters 30 (2009). MTCC's first order alone.
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
class BOCV(BitCodeRecognizer):
    """Signs of six Gabor responses, each plane at its own best shift within 4."""

    matcher = ShiftedHamming(groups=ORIENTATIONS, planes_per_group=1, height=SIDE, width=SIDE, max_shift=4)

    def extract(self, images: Sequence[GreyImage]) -> NDArray[np.uint64]:
        """128 x 128 uint8 ROIs -> (n, 96) uint64: 6 planes of 32 x 32 bits."""
        kernels = -gabor.bank(ORIENTATIONS, 0.5, 2.0)
        return self.matcher.pack(np.stack([sampled_responses(image, kernels) > 0 for image in as_float(images)]))
