"""PalmCode.

Zhang, Kong, You, Wong: "Online palmprint identification", IEEE TPAMI 25 (2003).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from deidkit.comparison import ShiftedHamming
from deidkit.protocols import GreyImage
from deidkit_recognizers import gabor
from deidkit_recognizers.code_grid import SIDE
from deidkit_recognizers.filtering import as_float, sampled_responses

_COMPARATOR = ShiftedHamming(groups=1, planes_per_group=2, height=SIDE, width=SIDE, max_shift=2)


@dataclass(frozen=True)
class PalmCode:
    """Signs of the real and imaginary part of one complex Gabor response at 45 degrees."""

    version: ClassVar[str] = "1"
    input: ClassVar[Literal["roi"]] = "roi"
    thread_safe: ClassVar[bool] = True
    score_range: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def extract(self, images: Sequence[GreyImage]) -> NDArray[np.uint64]:
        """128 x 128 uint8 ROIs -> (n, 32) uint64: 2 planes of 32 x 32 bits."""
        kernel = gabor.complex_kernel(math.pi / 4)
        parts = np.stack([kernel.real, kernel.imag])
        return _COMPARATOR.pack(np.stack([sampled_responses(image, parts) > 0 for image in as_float(images)]))

    def compare(self, probes: NDArray[np.uint64], references: NDArray[np.uint64]) -> NDArray[np.float64]:
        """(p, r) float64 in 0..1, the smallest over shifts within 2."""
        return _COMPARATOR.compare(probes, references)
