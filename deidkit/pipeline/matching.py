"""Pictures to templates to distances, without an audit around them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deidkit.errors import UsageError
from deidkit.hand import HandAnalysis, ready_roi
from deidkit.images import read_image
from deidkit.plugins import Loaded
from deidkit.protocols import Image, Recognizer, Sample

Template = NDArray[np.generic]
"""What a recognizer keeps of a picture: (1, ...)."""


@dataclass(frozen=True)
class Matcher:
    """A recognizer with what finds the palms that it takes.

    Attributes:
        recognizer: Its plugin, and how a report names it.
        analysis: Finds palms; None where the pictures are palm regions already cut out.
    """

    recognizer: Loaded[Recognizer]
    analysis: HandAnalysis | None

    def __post_init__(self) -> None:
        if self.analysis is None and self.recognizer.plugin.input == "hand":
            raise UsageError(f"{self.recognizer.component.label} takes pictures of whole hands; leave out --roi.")

    def template(self, picture: str | Path | Image) -> Template:
        """The template of a file or an RGB uint8 array.

        Raises:
            SampleError: It cannot be read, or no hand is found in it.
        """
        pixels = read_image(Path(picture)) if isinstance(picture, str | Path) else picture
        if self.analysis is None:
            return self.recognizer.plugin.extract([ready_roi(pixels)])
        image = self.analysis.image(Sample(key="", subject=""), pixels)
        hand = self.recognizer.plugin.input == "hand"
        return self.recognizer.plugin.extract([image if hand else self.analysis.roi(image)])

    def distance(self, probe: Template, reference: Template) -> float:
        """How far two templates lie apart."""
        return float(self.recognizer.plugin.compare(probe, reference)[0, 0])
