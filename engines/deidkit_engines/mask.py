"""The engine `mask`: fills the palm with one colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from deidkit.protocols import Failure, HandImage, Image, Mask, option
from deidkit_engines.palm import BACKS_HELP, Backs, change_palms


@dataclass(frozen=True)
class MaskOut:
    """Fills the palm with one colour."""

    fill: Literal["black", "grey", "mean"] = option("black", "Colour: black, mid grey, or the palm's own mean")
    backs: Backs = option("refuse", BACKS_HELP)

    version: ClassVar[str] = "2"
    deterministic: ClassVar[bool] = True
    diverse: ClassVar[bool] = False
    thread_safe: ClassVar[bool] = True

    def deidentify(self, images: Sequence[HandImage], seeds: Sequence[int]) -> list[list[Image | Failure]]:
        """Fill each palm; see `deidkit.protocols.Engine.deidentify`."""
        return change_palms(images, seeds, self._fill, backs=self.backs)

    def _fill(self, pixels: Image, palm: Mask, unit: float) -> Image:
        colours = {"black": (0, 0, 0), "grey": (128, 128, 128)}
        colour = np.rint(pixels[palm].mean(axis=0)) if self.fill == "mean" else colours[self.fill]
        return np.broadcast_to(np.asarray(colour, dtype=np.uint8), pixels.shape)
