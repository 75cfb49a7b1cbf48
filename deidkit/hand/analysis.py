"""A picture with its hand analysis; each part is computed lazily and once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.errors import DeidkitError, SampleError
from deidkit.hand.detected_hands import DetectedHands
from deidkit.hand.palm import palm_region
from deidkit.hand.roi import is_mirrored, warp_colours, warp_roi
from deidkit.protocols import (
    ROI_SIZE,
    Failure,
    GreyImage,
    Hand,
    HandAnalyzer,
    Image,
    Mask,
    PalmVariant,
    RoiRule,
    Sample,
    Segmenter,
)

_Answer = TypeVar("_Answer")


class AnalyzedImage:
    """One picture; hands, masks and polygons are computed on demand.

    An unexpected error of a plugin affects this picture only: whatever needs the plugin's result raises a SampleError.

    Attributes:
        raised: Kind of plugin -> exception that it raised.

    Args:
        sample: The sample of the data set.
        pixels: (height, width, 3) uint8 RGB.
        analysis: Finds hands, masks and regions.
    """

    def __init__(self, sample: Sample, pixels: Image, analysis: HandAnalysis) -> None:
        self._sample = sample
        self._pixels = pixels.view()
        self._pixels.flags.writeable = False
        self._analysis = analysis
        self.raised: dict[str, BaseException] = {}

    @property
    def sample(self) -> Sample:
        """The sample of the data set."""
        return self._sample

    @property
    def pixels(self) -> Image:
        """The upright RGB picture; read-only."""
        return self._pixels

    @cached_property
    def hands(self) -> Sequence[Hand]:
        """All detected hands, the most confident first; empty for an ROI or without hands."""
        return () if isinstance(self._hands, SampleError) else self._hands

    @property
    def unread_palms(self) -> int:
        """Number of detected palms on which no keypoints could be placed; engines leave them unchanged."""
        return self._hands.unread if isinstance(self._hands, DetectedHands) else 0

    @property
    def palm(self) -> PalmVariant:
        """Variant of the palm polygon."""
        return self._analysis.palm

    def hand_mask(self) -> Mask:
        """Mask of all hands; all True for an ROI; read-only. Raises SampleError if no hand was found."""
        return self._hand_mask

    def palm_mask(self) -> Mask:
        """Palm polygons of all hands, intersected with the hand mask; all True for an ROI; read-only.

        Raises SampleError when no hand was found, or not every palm can be treated.
        """
        if self._sample.kind == "roi":
            return self._hand_mask
        return self._palm_mask

    def palm_masks(self) -> Sequence[Mask]:
        """Palm polygon of each hand, intersected with the hand mask, in the order of `hands`; all True for an ROI.

        Raises SampleError as `palm_mask`.
        """
        if self._sample.kind == "roi":
            return [self._hand_mask]
        self.best_hand()
        if self.unread_palms:
            raise SampleError(
                f"{len(self.hands) + self.unread_palms} palms are seen, and keypoints found for {len(self.hands)} only"
            )
        return [_fixed(self._polygon(hand) & self._hand_mask) for hand in self.hands]

    def roi_corners(self, hand: Hand) -> NDArray[np.float32]:
        """(4, 2) float32 corners of a hand's region of interest, as `deidkit.protocols.RoiRule` gives them.

        Raises SampleError when the rule cannot be applied.
        """
        return self.ask("roi_rule", lambda: self._analysis.roi_rule.corners(hand, self._pixels))

    def best_hand(self) -> Hand:
        """The hand used for recognition: the most confident one. Raises SampleError if no hand was found."""
        if isinstance(self._hands, SampleError):
            raise self._hands
        if not self._hands:
            raise SampleError("no hand found")
        return self._hands[0]

    def ask(self, kind: str, question: Callable[[], _Answer]) -> _Answer:
        """Call a plugin for this picture.

        Raises:
            SampleError: The plugin raises one, or an error that is not deidkit's.
        """
        try:
            return question()
        except (DeidkitError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # an extension in another language may raise what is not an Exception
            self.raised.setdefault(kind, error)
            raise SampleError(f"the {kind.replace('_', ' ')} raised {type(error).__name__}") from error

    @cached_property
    def _hands(self) -> tuple[Hand, ...] | SampleError:
        if self._sample.kind == "roi":
            return ()
        try:
            return self.ask("hand_analyzer", self._detected)
        except SampleError as error:
            return error

    def _detected(self) -> tuple[Hand, ...]:
        """Hands from the analyzer, checked for plausible keypoints."""
        found = self._analysis.analyzer.detect(self._pixels)
        hands = found if isinstance(found, DetectedHands) else tuple(found)
        reach = _MOST_DISTANT * max(self._pixels.shape[:2])
        for hand in hands:
            if hand.keypoints.shape != (21, 2) or not (np.abs(hand.keypoints) <= reach).all():  # False for NaN
                raise SampleError("the hand analyzer placed keypoints where the picture cannot have any")
        return hands

    @cached_property
    def _hand_mask(self) -> Mask:
        mask = np.full(self._pixels.shape[:2], self._sample.kind == "roi")
        if self._sample.kind == "hand":
            self.best_hand()
            for hand in self.hands:
                mask |= self._part(hand)
        return _fixed(mask)

    def _part(self, hand: Hand) -> Mask:
        return self.ask("segmenter", lambda: self._analysis.segmenter.segment(self._pixels, hand))

    @cached_property
    def _palm_mask(self) -> Mask:
        return _fixed(np.logical_or.reduce(self.palm_masks()))

    def _polygon(self, hand: Hand) -> Mask:
        corners = self.roi_corners(hand) if self.palm == "region" else None
        return palm_region(hand, self.palm, self._pixels.shape[:2], corners)


_MOST_DISTANT = 20.0
"""Largest coordinate of a keypoint in multiples of the picture's longer side; hands may extend beyond the picture."""


@dataclass(frozen=True)
class HandAnalysis:
    """Configuration of the hand analysis: analyzer, segmenter, ROI rule and palm polygon."""

    analyzer: HandAnalyzer
    segmenter: Segmenter
    roi_rule: RoiRule
    palm: PalmVariant = "paper"

    def image(self, sample: Sample, pixels: Image) -> AnalyzedImage:
        """Wrap a picture, (height, width, 3) uint8 RGB, for analysis on demand; nothing is detected in an ROI."""
        return AnalyzedImage(sample, pixels, self)

    def corners(self, image: AnalyzedImage) -> NDArray[np.float32]:
        """Corners of the best hand's region of interest, or of the whole picture for an ROI.

        Returns:
            (4, 2) float32, x y in pixels: top left, top right, bottom right, bottom left.

        Raises:
            SampleError: No hand was found, or the rule cannot be applied.
        """
        if image.sample.kind == "roi":
            height, width = image.pixels.shape[:2]
            return np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        return image.roi_corners(image.best_hand())

    def roi(self, image: AnalyzedImage) -> GreyImage:
        """The palm's region of interest.

        Returns:
            (128, 128) uint8: of the best hand, mirrored to look like a right palm; an ROI as it is.

        Raises:
            SampleError: No hand was found, the rule cannot be applied, or the region leaves the picture.
        """
        return self.roi_placed_as(image, image)

    def roi_placed_as(self, image: AnalyzedImage, other: AnalyzedImage) -> GreyImage:
        """Region of interest of one picture, placed by the hand found in another one of the same size.

        Raises:
            SampleError: As `roi`, for `other`.
        """
        if other.sample.kind == "roi":
            return ready_roi(image.pixels)
        return warp_roi(image.pixels, self.corners(other), other.best_hand())

    def rois(self, image: AnalyzedImage) -> list[GreyImage | Failure]:
        """Region of interest of every hand, the most confident first.

        Returns:
            For each hand, in the order of `AnalyzedImage.hands`, (128, 128) uint8 as `roi`, or a failure of stage
            ``roi``; one for an ROI; one failure of stage ``hand`` where no hand was found.
        """
        return self.rois_placed_as(image, image)

    def rois_placed_as(self, copy: AnalyzedImage, original: AnalyzedImage) -> list[GreyImage | Failure]:
        """Regions of a copy placed by the original's hands, as for an attacker who knows the original's geometry.

        Args:
            copy: Picture from which the regions are cut; its own hands are not detected.
            original: Picture of the same size whose hands place the regions.

        Returns:
            As `rois`, for the hands of the original.
        """
        if original.sample.kind == "roi":
            return [ready_roi(copy.pixels)]
        try:
            original.best_hand()
        except SampleError as error:
            return [Failure("hand", str(error))]
        return [_region_of(copy, original, hand) for hand in original.hands]

    def colours_placed_as(self, copy: AnalyzedImage, original: AnalyzedImage) -> Image | None:
        """(128, 128, 3) uint8 RGB: the first available region of `rois_placed_as`, in colour; None if there is none."""
        if original.sample.kind == "roi":
            return resized_roi(copy.pixels)
        for hand in original.hands:
            with suppress(SampleError):
                return warp_colours(copy.pixels, original.roi_corners(hand), hand)
        return None


def _region_of(copy: AnalyzedImage, original: AnalyzedImage, hand: Hand) -> GreyImage | Failure:
    try:
        return warp_roi(copy.pixels, original.roi_corners(hand), hand)
    except SampleError as error:
        return Failure("roi", str(error))


def palm_or_none(image: AnalyzedImage) -> Mask | None:
    """Palm mask of a picture; None if no hand was found, or not every palm can be treated."""
    try:
        return image.palm_mask()
    except SampleError:
        return None


def region_mirrored(image: AnalyzedImage) -> bool:
    """Whether the best hand's region is mirrored to look like a right palm; False if there is none."""
    try:
        hand = image.best_hand()
        return is_mirrored(image.roi_corners(hand), hand)
    except SampleError:
        return False


def ready_roi(pixels: Image) -> GreyImage:
    """Convert an ROI of any size to recognizer input: grey, 128 x 128."""
    return resized_roi(np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8))


def resized_roi(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Resize (height, width) or (height, width, 3) uint8 to 128 x 128."""
    height, width = pixels.shape[:2]
    if (height, width) == (ROI_SIZE, ROI_SIZE):
        return pixels
    method = cv2.INTER_AREA if min(height, width) > ROI_SIZE else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, (ROI_SIZE, ROI_SIZE), interpolation=method), np.uint8)


def _fixed(mask: Mask) -> Mask:
    mask.flags.writeable = False
    return mask
