"""Stirs the pixels of a palm."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from deidkit.errors import SampleError
from deidkit.protocols import Failure, HandImage, Image, option


@dataclass(frozen=True)
class Stir:
    """Shuffles a share of the palm's pixels among themselves."""

    share: float = option(1.0, "Share of the pixels that are shuffled", minimum=0.01, maximum=1)

    version: ClassVar[str] = "3"
    deterministic: ClassVar[bool] = True
    diverse: ClassVar[bool] = True
    batch_size: ClassVar[int] = 4
    control: ClassVar[bool] = False
    thread_safe: ClassVar[bool] = True

    def deidentify(self, images: Sequence[HandImage], seeds: Sequence[int]) -> list[list[Image | Failure]]:
        """One stirred picture for each picture and seed."""
        return [[self._stirred(image, seed) for seed in seeds] for image in images]

    def _stirred(self, image: HandImage, seed: int) -> Image | Failure:
        try:
            palm = np.flatnonzero(image.palm_mask())
        except SampleError as error:
            return Failure("hand", str(error))
        # A seed of the picture's own: the same in any batch, another for every picture.
        own = int.from_bytes(hashlib.sha256(image.pixels.tobytes()).digest()[:8], "big")
        generator = np.random.default_rng([seed, own])
        chosen = generator.permutation(palm)[: max(2, round(self.share * palm.size))]
        output = image.pixels.copy()
        pixels = output.reshape(-1, 3)
        pixels[chosen] = pixels[generator.permutation(chosen)]
        return output
