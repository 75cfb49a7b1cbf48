"""The engine `resynth`: replaces the palm of a hand with a procedural palm that belongs to nobody."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from deidkit.errors import MissingModel, SampleError
from deidkit.hand.mediapipe import MediaPipe
from deidkit.protocols import Failure, HandImage, Image, option
from deidkit_engines.resynth.canvas import Canvas, Style
from deidkit_engines.resynth.choice import Chooser, Painting
from deidkit_engines.resynth.drawing import NewPalm
from deidkit_engines.resynth.large import canvas_of
from deidkit_engines.resynth.regions import PalmRegion, RegionName, palm_regions


@dataclass(frozen=True)
class Resynth:
    """Draws a new procedural palm in the hand's own colour, light and noise, without a generative network."""

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
    candidates: int = option(
        3, "Palms drawn for each copy, of which that is kept by which keypoints move least", minimum=1, maximum=8
    )

    version: ClassVar[str] = "8"
    deterministic: ClassVar[bool] = True
    diverse: ClassVar[bool] = True
    batch_size: ClassVar[int] = 4
    thread_safe: ClassVar[bool] = True

    def prepare(self, note: Callable[[str], None]) -> None:
        """Fetch the networks that locate keypoints, if candidates are compared.

        Raises:
            MissingModel: The networks are absent and cannot be fetched, or are damaged.
        """
        if self._chooses:
            try:
                self._analyzer.prepare(note)
            except MissingModel as error:
                reason = str(error).rstrip(".")
                raise MissingModel(f"{reason}. resynth:candidates=1 chooses among no palms and needs none.") from error

    def packages(self) -> tuple[str, ...]:
        """Packages whose versions are recorded."""
        return self._analyzer.packages() if self._chooses else ()

    def weight_files(self) -> Mapping[str, Path]:
        """The networks that locate keypoints.

        Raises:
            MissingModel: The networks are absent and cannot be fetched, or are damaged.
        """
        return self._analyzer.weight_files() if self._chooses else {}

    def remark(self) -> str:
        """A remark for reports: how palms are made and what the options reveal."""
        drawn = "procedural palms, no trained model"
        if self._chooses:
            drawn += f"; of {self.candidates} palms, that by which keypoints move least, as MediaPipe finds them"
        if self.palms == "consistent":
            drawn += "; one palm for each hand of a subject, so that copies of one subject are linked by intention"
        if self.freckles:
            drawn += "; freckles and moles are kept, which identify people by their places"
        return drawn

    def deidentify(self, images: Sequence[HandImage], seeds: Sequence[int]) -> list[list[Image | Failure]]:
        """Replace each palm, once for each seed; see `deidkit.protocols.Engine.deidentify`."""
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
            canvas = canvas_of(image.pixels[palm.window], palm, style)
            chooser = self._chooser(image.pixels, palm, canvas)
            for seed, copy in zip(seeds, copies, strict=True):
                key = (picture, number, seed) if self.palms == "fresh" else (*_subject_and_side(image, palm), seed)
                grain = ("grain", picture, number, seed)
                paintings = [_painter(key, n, grain) for n in range(self.candidates if chooser else 1)]
                copy[palm.window] = chooser.painted(paintings) if chooser else paintings[0](canvas)
        return list(copies)

    def _chooser(self, picture: Image, palm: PalmRegion, canvas: Canvas) -> Chooser | None:
        """The chooser among candidate palms; None without a choice: one candidate, consistent palms, or a ready ROI."""
        if not self._chooses or palm.hand is None:
            return None
        return Chooser(picture, palm, palm.hand, canvas, self._analyzer)

    @property
    def _chooses(self) -> bool:
        return self.candidates > 1 and self.palms == "fresh"

    @cached_property
    def _analyzer(self) -> MediaPipe:
        return MediaPipe()


def _subject_and_side(image: HandImage, palm: PalmRegion) -> tuple[str, str | None]:
    """Subject and side of a hand. The data set's side is preferred, but applies only where there is a single hand."""
    sample = image.sample
    seen = palm.hand.handedness if palm.hand else None
    return sample.subject, sample.hand if sample.hand and len(image.hands) < 2 else seen


def _painter(key: tuple[object, ...], number: int, grain: tuple[object, ...]) -> Painting:
    """A function that paints the palm with a given key and number, generated once, on any canvas."""
    new = NewPalm.of(_stream("palm", *key, number))
    return lambda canvas: canvas.painted(new, _stream("amplitudes", *key, number), _stream(*grain))


def _stream(*key: object) -> np.random.Generator:
    """Random stream derived from a key."""
    digest = hashlib.sha256(repr(key).encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, np.uint32))
