"""Training pictures with their annotations, from ground truth or hand analysis."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidkit.errors import DatasetError, SampleError
from deidkit.hand import AnalyzedImage, HandAnalysis, warp_roi
from deidkit.protocols import Dataset, GreyImage, Hand, Handedness, Image, Mask, Sample


class Example:
    """One picture of a hand; its annotations are computed on first use.

    Attributes:
        sample: Sample of the data set.
        image: The picture with its hand analysis; its `pixels` are (height, width, 3) uint8 RGB.
    """

    def __init__(self, sample: Sample, image: AnalyzedImage, analysis: HandAnalysis, truth: Any = None) -> None:
        self.sample, self.image = sample, image
        self._analysis, self._truth = analysis, truth

    @property
    def identity(self) -> str:
        """Identity of the hand."""
        return self.sample.identity

    @property
    def pixels(self) -> Image:
        """(height, width, 3) uint8 RGB; read-only."""
        return self.image.pixels

    @cached_property
    def hand(self) -> Hand:
        """The hand: from the ground truth if used, otherwise the most confident detection.

        Raises:
            SampleError: No hand was found, or the picture is a palm region already cut out.
        """
        if self._truth is None:
            return self.image.best_hand()
        points = self._truth.keypoints
        box = np.concatenate([points.min(axis=0), points.max(axis=0)]).astype(np.float32)
        return Hand(box, points, None, self._truth.handedness, 1.0)

    @property
    def keypoints(self) -> NDArray[np.float32]:
        """(21, 2) float32, x y in pixels. Raises SampleError as `hand`."""
        return self.hand.keypoints

    @property
    def handedness(self) -> Handedness:
        """Which hand. Raises SampleError as `hand`."""
        return self.hand.handedness

    @cached_property
    def mask(self) -> Mask:
        """(height, width) bool: the hand. Raises SampleError when no hand was found."""
        if self._truth is not None:
            return np.asarray(self._truth.mask, bool)
        return self.image.hand_mask()

    @cached_property
    def corners(self) -> NDArray[np.float32]:
        """(4, 2) corners of the palm's region of interest, as `deidkit.protocols.RoiRule.corners` gives them.

        Raises:
            SampleError: No hand was found, or the region cannot be placed.
        """
        if self._truth is not None:
            return np.asarray(self._truth.roi_corners, np.float32)
        return self._analysis.corners(self.image)

    def roi(self) -> GreyImage:
        """The palm's region of interest, (128, 128) uint8, as an audit cuts it: all look like right palms.

        Raises:
            SampleError: No hand was found, the region cannot be placed, or it leaves the picture.
        """
        if self._truth is not None:
            return warp_roi(self.pixels, self.corners, self.hand)
        return self._analysis.roi(self.image)


@dataclass(frozen=True)
class Examples:
    """A data set for training.

    Attributes:
        analysis: Hand analysis, used without ground truth.
    """

    dataset: Dataset
    analysis: HandAnalysis
    _samples: list[Sample] = field(default_factory=list, repr=False)

    @property
    def samples(self) -> Sequence[Sample]:
        """All samples, in the data set's order.

        Raises:
            DatasetError: There is none.
        """
        if not self._samples:
            self._samples.extend(self.dataset.samples())
            if not self._samples:
                raise DatasetError("the data set has no pictures to train on.")
        return self._samples

    def read(self, sample: Sample, *, truth: bool) -> Example:
        """Read one example.

        Args:
            sample: The sample to read.
            truth: Whether to use the exact ground truth where the data set knows it (a `truth(sample)` method, as
                the synthetic one has), rather than what the hand analysis finds, as an audit does.

        Raises:
            SampleError: The picture cannot be read.
        """
        known = getattr(self.dataset, "truth", None) if truth else None
        facts = known(sample) if known is not None else None
        pixels = facts.pixels if facts is not None else self.dataset.read(sample)
        return Example(sample, self.analysis.image(sample, pixels), self.analysis, facts)

    def fingerprint(self) -> str:
        """SHA-256, in hex, over the keys, identities and contents of all samples that can be read."""
        total = hashlib.sha256()
        for sample in self.samples:
            try:
                digest = self.dataset.digest(sample)
            except SampleError:
                digest = "unreadable"
            total.update(f"{sample.key}\0{sample.identity}\0{digest}\n".encode())
        return total.hexdigest()
