"""Template extraction and comparison without an audit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deidkit.comparison.contract import checked_templates, compared, out_of_range, rounding
from deidkit.comparison.pairs import Block
from deidkit.errors import PluginError, UsageError
from deidkit.hand import AnalyzedImage, HandAnalysis, ready_roi
from deidkit.images import read_image
from deidkit.plugins import Loaded, errors_attributed_to
from deidkit.protocols import GreyImage, Image, Recognizer, Sample

Template = NDArray[np.generic]
"""Template of one picture: (1, ...)."""


@dataclass(frozen=True)
class Matcher:
    """A recognizer and the hand analysis that it needs.

    Attributes:
        recognizer: The loaded plugin.
        analysis: Hand analysis; None if the pictures are palm regions.
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
            return extracted(self.recognizer, ready_roi(pixels))
        image = self.analysis.image(Sample(key="", subject=""), pixels)
        return extracted(self.recognizer, image if self.recognizer.plugin.input == "hand" else self.analysis.roi(image))

    def distance(self, probe: Template, reference: Template) -> float:
        """Distance of two templates. Raises PluginError if the recognizer returns none within its range."""
        plugin = self.recognizer.plugin
        found = float(compared(plugin, Block(probe, None), Block(reference, None))[0, 0])
        low, high = plugin.score_range
        slack = rounding(low, high)
        if not low - slack <= found <= high + slack:
            raise PluginError(out_of_range(plugin))
        return min(max(found, low), high)


def extracted(recognizer: Loaded[Recognizer], given: GreyImage | AnalyzedImage) -> Template:
    """The template of one region or analysed picture.

    Raises:
        PluginError: The recognizer raised, or gave something else.
        SampleError: It can make none of this picture.
    """
    plugin, component = recognizer
    with errors_attributed_to(component, "template"):
        templates = np.array(plugin.extract([given]))
    return checked_templates(component, templates, 1)
