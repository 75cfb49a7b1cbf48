"""Pixelating: the palm in coarse blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np

from deidkit.protocols import Failure, HandImage, Image, Mask, option
from deidkit_engines.palm import BACKS_HELP, Backs, change_palms


@dataclass(frozen=True)
class Pixelate:
    """Replaces the palm by blocks of their mean colour."""

    block: float = option(7.0, "Side of a block in 128ths of the palm's size", minimum=1, maximum=128)
    backs: Backs = option("refuse", BACKS_HELP)

    version: ClassVar[str] = "2"
    deterministic: ClassVar[bool] = True
    diverse: ClassVar[bool] = False
    thread_safe: ClassVar[bool] = True

    def deidentify(self, images: Sequence[HandImage], seeds: Sequence[int]) -> list[list[Image | Failure]]:
        """Pixelate each palm; see `deidkit.protocols.Engine.deidentify`."""
        return change_palms(images, seeds, self._pixelate, backs=self.backs)

    def _pixelate(self, pixels: Image, palm: Mask, unit: float) -> Image:
        height, width = palm.shape
        side = self.block * unit
        blocks = [min(max(round(length / side), 1), length) for length in (width, height)]
        means = cv2.resize(pixels, blocks, interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(means, (width, height), interpolation=cv2.INTER_NEAREST_EXACT), dtype=np.uint8)
