"""Example pictures for the conformance suites: generated hands with ground truth; needs no data set or model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import cv2
import numpy as np

from deidkit.errors import SampleError
from deidkit.hand import palm_region, warp_roi
from deidkit.protocols import GreyImage, Hand, Image, Mask, PalmVariant, Sample
from deidkit.synthesis import HandGenerator

SUBJECTS, PICTURES = 3, 2
"""Number of people in the examples, and of pictures of each."""

_SEED = 20_261_123  # not used by any audit
_SIZES = ((300, 400), (301, 403))


@dataclass(frozen=True)
class ExampleImage:
    """A picture with known hand analysis, as a `deidkit.protocols.HandImage`.

    Attributes:
        sample: Which example it is.
        pixels: (h, w, 3) uint8, read-only.
        hands: The hands that were drawn; empty for an ROI and a picture without a hand.
        mask: (h, w) bool, where the hand is; None where there is none.
        palm: Which palm polygon.
    """

    sample: Sample
    pixels: Image
    hands: Sequence[Hand] = ()
    mask: Mask | None = field(default=None, repr=False)
    palm: PalmVariant = "paper"

    def __post_init__(self) -> None:
        self.pixels.flags.writeable = False

    def hand_mask(self) -> Mask:
        """Mask of the hand; all True for an ROI. Raises SampleError if there is no hand."""
        if self.sample.kind == "roi":
            return np.ones(self.pixels.shape[:2], bool)
        if self.mask is None:
            raise SampleError("no hand found")
        return self.mask.copy()

    def palm_mask(self) -> Mask:
        """Mask of the palm within the hand; all True for an ROI. Raises SampleError if there is no hand."""
        mask = self.hand_mask()
        if self.sample.kind == "roi":
            return mask
        palms = [palm_region(hand, self.palm, mask.shape) for hand in self.hands]
        return np.asarray(mask & np.logical_or.reduce(palms), bool)


def hand_images() -> list[ExampleImage]:
    """Six pictures of three people's hands, some with odd sizes; identical at every call."""
    return list(_hands())


def roi_images() -> list[ExampleImage]:
    """Palm ROIs of `hand_images` as separate pictures: (128, 128, 3), grey."""
    return [
        ExampleImage(
            Sample(f"roi/{image.sample.key}", image.sample.subject, image.hands[0].handedness, kind="roi"),
            np.repeat(grey[:, :, None], 3, axis=2),
        )
        for image, grey in zip(_hands(), palm_rois(), strict=True)
    ]


def palm_rois() -> list[GreyImage]:
    """(128, 128) uint8 palm ROIs of `hand_images`, cut out by the ground truth."""
    return [roi.copy() for roi in _rois()]


def picture_without_hand() -> ExampleImage:
    """A picture without a hand."""
    rows, columns = np.mgrid[:200, :240]
    ground = np.stack([120 + rows // 8, 110 + columns // 8, 100 + (rows + columns) // 16], axis=2)
    return ExampleImage(Sample("nobody.png", "nobody"), ground.astype(np.uint8))


@cache
def _hands() -> tuple[ExampleImage, ...]:
    found = []
    for subject in range(1, SUBJECTS + 1):
        for number in range(1, PICTURES + 1):
            generator = HandGenerator(_SEED, *_SIZES[number % len(_SIZES)])
            identity = generator.identity(subject, "left" if subject % 2 else "right")
            drawn = generator.sample(identity, number)
            box = cv2.boundingRect(drawn.mask.astype(np.uint8))
            corners = np.array([box[0], box[1], box[0] + box[2], box[1] + box[3]], np.float32)
            hand = Hand(corners, drawn.keypoints, None, drawn.handedness, 1.0)
            sample = Sample(f"s{subject}/{number}.png", f"s{subject}", drawn.handedness)
            found.append(ExampleImage(sample, drawn.pixels, (hand,), drawn.mask))
    return tuple(found)


@cache
def _rois() -> tuple[GreyImage, ...]:
    rois = []
    for image in _hands():
        generator = HandGenerator(_SEED, image.pixels.shape[1], image.pixels.shape[0])
        subject, number = (int(part) for part in image.sample.key[1:-4].split("/"))
        truth = generator.truth(generator.identity(subject, image.hands[0].handedness), number)
        rois.append(warp_roi(image.pixels, truth.roi_corners, image.hands[0]))
    return tuple(rois)
