"""The engine `blur`: blurs the palm with a Gaussian."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np

from deidkit.protocols import Failure, HandImage, Image, Mask, option
from deidkit_engines.palm import BACKS_HELP, Backs, change_palms

REACH = 3.0
"""Radius at which the Gaussian is truncated, in standard deviations."""


@dataclass(frozen=True)
class Blur:
    """Blurs the palm with a Gaussian."""

    sigma: float = option(4.0, "Standard deviation in 128ths of the palm's size", minimum=0.1, maximum=128)
    backs: Backs = option("refuse", BACKS_HELP)

    version: ClassVar[str] = "2"
    deterministic: ClassVar[bool] = True
    diverse: ClassVar[bool] = False
    thread_safe: ClassVar[bool] = True

    def deidentify(self, images: Sequence[HandImage], seeds: Sequence[int]) -> list[list[Image | Failure]]:
        """Blur each palm; see `deidkit.protocols.Engine.deidentify`."""
        return change_palms(images, seeds, self._blur, backs=self.backs, margin=REACH * self.sigma)

    def _blur(self, pixels: Image, palm: Mask, unit: float) -> Image:
        sigma = self.sigma * unit
        side = 2 * max(1, round(REACH * sigma)) + 1
        blurred = cv2.GaussianBlur(pixels, (side, side), sigma, borderType=cv2.BORDER_REFLECT_101)
        return np.asarray(blurred, dtype=np.uint8)
