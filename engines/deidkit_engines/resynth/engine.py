"""The engine: a palm that nobody has on the hand that is there."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.errors import SampleError
from deidkit.protocols import Failure, HandImage, Image, option
from deidkit_engines.resynth.base import base_of
from deidkit_engines.resynth.drawing import draw_palm
from deidkit_engines.resynth.regions import PalmRegion, RegionName, palm_regions
from deidkit_engines.resynth.relief import relief_like
from deidkit_engines.resynth.spectrum import LARGEST_GAIN, Spectroscope, filtered

FEATHER = 0.05
FLOOR = 8.0
LOGARITHMS = np.log(np.arange(256, dtype=np.float32) + np.float32(FLOOR))


@dataclass(frozen=True)
class Resynth:
    """Draws a palm that nobody has, in the light, colour and noise of the hand's own."""

    region: RegionName = option("region", "region: all that recognizers read; paper or program: the published polygons")
    policy: Literal["fresh", "consistent"] = option("fresh", "a new palm for each picture or one for each hand")

    version: ClassVar[str] = "1"
    deterministic: ClassVar[bool] = True
    diverse: ClassVar[bool] = True
    batch_size: ClassVar[int] = 4
    thread_safe: ClassVar[bool] = True
    control: ClassVar[bool] = False

    def deidentify(self, images: Sequence[HandImage], seeds: Sequence[int]) -> list[list[Image | Failure]]:
        """Draw each palm anew, once a seed; see `deidkit.protocols.Engine.deidentify`."""
        return [self._copies(image, seeds) for image in images]

    def _copies(self, image: HandImage, seeds: Sequence[int]) -> list[Image | Failure]:
        try:
            palms = palm_regions(image, self.region)
        except SampleError as error:
            return [Failure("hand", str(error))] * len(seeds)
        if not palms:
            return [Failure("hand", "the palm does not lie within the hand's mask")] * len(seeds)
        copies = [image.pixels.copy() for _ in seeds]
        digest = hashlib.blake2b(np.ascontiguousarray(image.pixels).data).digest()
        for number, palm in enumerate(palms):
            canvas = Canvas(image.pixels[palm.window], palm)
            for seed, copy in zip(seeds, copies, strict=True):
                rng = np.random.default_rng(np.frombuffer(hashlib.blake2b(digest + b"%d %d" % (seed, number)).digest(), np.uint32))
                copy[palm.window] = canvas.painted(rng)
        return copies


class Canvas:
    def __init__(self, pixels: Image, palm: PalmRegion) -> None:
        self.pixels, self.palm = pixels, palm
        self.colours = LOGARITHMS[pixels]
        self.base = base_of(self.colours, palm.skin, palm.region, palm.width)
        self.rest = (self.colours - self.base) * palm.skin[..., None]
        self.alpha = alpha(palm)
        core = cv2.distanceTransform(np.pad(palm.core & (self.alpha > 0.5), 1, mode="edge").astype(np.uint8), cv2.DIST_L2, 5)
        self.measured = core[1:-1, 1:-1] > 0.02 * palm.width
        self.scope = Spectroscope.over(self.measured, palm.width)
        if self.scope is not None:
            whole = self.scope.power(self.colours)
            self.wanted = np.maximum(whole - self.scope.power(self.base), 0.05 * whole)

    def painted(self, rng):
        lines = draw_palm(self.palm, rng)
        relief = relief_like(self.rest, self.measured, lines, self.palm.width, rng)
        if self.scope is not None:
            have = self.scope.power(relief)
            gains = np.sqrt(self.wanted / have)
            gains = np.nan_to_num(np.clip(gains, 1 / LARGEST_GAIN, LARGEST_GAIN), nan=1.0)
            relief = filtered(relief, self.scope.centres, gains, self.palm.width)
        a = self.alpha[..., None]
        made = cv2.exp(self.colours + a * (self.base + relief - self.colours)) - np.float32(FLOOR)
        made = np.clip(np.rint(made), 0, 255).astype(np.uint8)
        return np.where(a > 0, made, self.pixels)


def alpha(palm: PalmRegion) -> NDArray[np.float32]:
    """(h, w) 0..1 how much of each pixel is drawn; 0 outside of the region."""
    stays = palm.skin & ~palm.region
    unit = np.float32(FEATHER * palm.width)
    inner = cv2.distanceTransform((~stays).astype(np.uint8), cv2.DIST_L2, 5) / unit
    rim = cv2.distanceTransform(np.pad(palm.skin, 1, mode="edge").astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    share = np.clip(np.minimum(inner, rim / np.float32(0.015 * palm.width + 1)), 0, 1)
    share = share * share * (3 - 2 * share)
    return np.asarray(np.where(palm.region, share, 0), np.float32)
