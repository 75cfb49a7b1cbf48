"""EDM, extreme downsampling.

Yang, Leng, Zhang, Li: "Extreme downsampling and joint feature for coding-based palmprint recognition", IEEE TIM 70
(2021).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidkit.comparison import ShiftedHamming
from deidkit_recognizers import gabor
from deidkit_recognizers.code_grid import SIDE, STEP
from deidkit_recognizers.codes import BitCodeRecognizer
from deidkit_recognizers.filtering import responses

ORIENTATIONS = 6


@dataclass(frozen=True)
class EDM(BitCodeRecognizer):
    """BOCV's bits, taken in each block of 4 x 4 pixels where all responses together are strongest."""

    matcher = ShiftedHamming(groups=ORIENTATIONS, planes_per_group=1, height=SIDE, width=SIDE, max_shift=4)

    def code(self, region: NDArray[np.float64]) -> NDArray[np.bool_]:
        """6 planes of 32 x 32 bits."""
        return _strongest(responses(region, gabor.line_filters())) > 0


def _strongest(planes: NDArray[np.float64]) -> NDArray[np.float64]:
    """(k, 128, 128) responses -> (k, 32, 32): those at each block's pixel of largest summed magnitude."""
    count = len(planes)
    blocks = planes.reshape(count, SIDE, STEP, SIDE, STEP).transpose(0, 1, 3, 2, 4).reshape(count, SIDE, SIDE, -1)
    best = np.abs(blocks).sum(axis=0).argmax(axis=-1)
    return np.take_along_axis(blocks, best[None, :, :, None], axis=-1)[..., 0]
