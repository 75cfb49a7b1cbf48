"""Pixelating: the palm in coarse blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np

from deidkit.protocols import Failure, HandImage, Image, Mask, option
from deidkit_engines.palm import change_palms, palm_unit


@dataclass(frozen=True)
class Pixelate:
    """Replaces the palm by blocks of their mean colour."""

    block: float = option(7.0, "Side of a block in 128ths of the palm's size", minimum=1, maximum=128)

    version: ClassVar[str] = "1"
    deterministic: ClassVar[bool] = True
    diverse: ClassVar[bool] = False
    batch_size: ClassVar[int] = 16
    control: ClassVar[bool] = False

    def deidentify(self, images: Sequence[HandImage], seeds: Sequence[int]) -> list[list[Image | Failure]]:
        """Pixelate each palm; see `deidkit.protocols.Engine.deidentify`."""
        return change_palms(images, seeds, self._pixelate)

    def _pixelate(self, pixels: Image, palm: Mask) -> Image:
        rows, columns = np.flatnonzero(palm.any(axis=1)), np.flatnonzero(palm.any(axis=0))
        output = pixels.copy()
        if rows.size == 0:
            return output
        area = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        height, width = pixels[area].shape[:2]
        side = self.block * palm_unit(palm)
        small = (max(1, round(width / side)), max(1, round(height / side)))
        means = cv2.resize(pixels[area], small, interpolation=cv2.INTER_AREA)
        output[area] = cv2.resize(means, (width, height), interpolation=cv2.INTER_NEAREST)
        return output
