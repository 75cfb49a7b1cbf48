"""The contracts of the three parts of hand analysis; each is called from several threads."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deidkit.protocols.images import Image, Mask
from deidkit.protocols.plugin import Plugin
from deidkit.protocols.samples import Hand


class HandAnalyzer(Plugin):
    """Finds hands and their keypoints."""

    @abstractmethod
    def detect(self, image: Image) -> Sequence[Hand]:
        """Every hand in a picture, the most confident first; empty when there is none."""
        raise NotImplementedError


class Segmenter(Plugin):
    """Separates a hand from its background."""

    @abstractmethod
    def segment(self, image: Image, hand: Hand) -> Mask:
        """The mask of one hand."""
        raise NotImplementedError


class RoiRule(Plugin):
    """Places the palm's region of interest."""

    @abstractmethod
    def corners(self, hand: Hand, image: Image) -> NDArray[np.float32]:
        """The region's corners.

        Args:
            hand: The hand found in the picture.
            image: The picture; a rule that needs only the keypoints does not look at it. Must not be written to.

        Returns:
            (4, 2) float32, x y in pixels, in the order top left, top right, bottom right, bottom left of the upright
            ROI, whose top is the finger side. Raises SampleError where the rule cannot be applied.
        """
        raise NotImplementedError
