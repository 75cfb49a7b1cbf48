"""The engine: a palm that nobody has, on the hand that is there."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from deidkit.errors import SampleError
from deidkit.protocols import Failure, HandImage, Image, option
from deidkit_engines.resynth.canvas import Canvas, Style
from deidkit_engines.resynth.regions import PalmRegion, RegionName, palm_regions


@dataclass(frozen=True)
class Resynth:
    """Draws a palm that nobody has, in the hand's own colour, light and noise; no network, no weights."""

    region: RegionName = option(
        "region",
        "Drawn anew: region, all that recognizers cut out; whole, the palm from edge to edge; paper or program, the "
        "published polygons",
    )
    lines: float = option(1.0, "Depth of the lines; 1 is the hand's own", minimum=0, maximum=3)
    palms: Literal["fresh", "consistent"] = option(
        "fresh", "fresh: another palm for each picture; consistent: one for each hand of a subject, which links them"
    )
    ageing: float = option(
        1.0, "Share kept of the roughness by which a hand exceeds an ordinary one", minimum=0, maximum=1
    )
    freckles: float = option(
        0.0, "Share kept of freckles and moles, which identify people by their places", minimum=0, maximum=1
    )

    version: ClassVar[str] = "3"
    deterministic: ClassVar[bool] = True
    diverse: ClassVar[bool] = True
    batch_size: ClassVar[int] = 4
    thread_safe: ClassVar[bool] = True

    def remark(self) -> str:
        """What a reader must know about it."""
        drawn = "procedural palms, no trained model"
        if self.palms == "consistent":
            drawn += "; one palm for each hand of a subject, so that copies of one subject are linked by intention"
        if self.freckles:
            drawn += "; freckles and moles are kept, which identify people by their places"
        return drawn

    def deidentify(self, images: Sequence[HandImage], seeds: Sequence[int]) -> list[list[Image | Failure]]:
        """Draw each palm anew, once a seed; see `deidkit.protocols.Engine.deidentify`."""
        return [self._copies(image, seeds) for image in images]

    def _copies(self, image: HandImage, seeds: Sequence[int]) -> list[Image | Failure]:
        if any(getattr(hand, "side", None) == "back" for hand in image.hands):
            return [Failure("hand", "the back of a hand is shown, on which there is no palm to replace")] * len(seeds)
        try:
            palms = palm_regions(image, self.region)
        except SampleError as error:
            return [Failure("hand", str(error))] * len(seeds)
        copies = [image.pixels.copy() for _ in seeds]
        style = Style(self.lines, self.ageing, self.freckles)
        picture = hashlib.sha256(np.ascontiguousarray(image.pixels).data).hexdigest()
        for number, palm in enumerate(palms):
            canvas = Canvas(image.pixels[palm.window], palm, style)
            for seed, copy in zip(seeds, copies, strict=True):
                grain = _stream("grain", picture, number, seed)
                copy[palm.window] = canvas.painted(self._identity(image, palm, picture, number, seed), grain)
        return list(copies)

    def _identity(
        self, image: HandImage, palm: PalmRegion, picture: str, number: int, seed: int
    ) -> np.random.Generator:
        if self.palms == "fresh":
            return _stream("palm", picture, number, seed)
        sample = image.sample
        # What a data set tells of the hand is surer than what was seen, but it tells of one hand only.
        hand = sample.hand if sample.hand and len(image.hands) < 2 else palm.handedness
        return _stream("palm", sample.subject, hand, seed)


def _stream(*key: object) -> np.random.Generator:
    """Random numbers that belong to a key."""
    digest = hashlib.sha256(repr(key).encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, np.uint32))
