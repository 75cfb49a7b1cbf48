"""Generates hand pictures from a seed and the numbers of subject, hand and sample."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import Handedness, Image, Mask
from deidkit.synthesis.anatomy import ROI_OFFSET, ROI_SIDE, Anatomy, Points, draw_anatomy
from deidkit.synthesis.pose import Pose, draw_pose
from deidkit.synthesis.rendering import Tone, draw_tone, render
from deidkit.synthesis.surface import Surface, draw_surface

VERSION = "1"
"""Version of the generator; incremented whenever its pictures change."""

SMALLEST = 120
"""Minimum width and height of a picture in pixels; in smaller ones, palm lines cannot be resolved."""

_SIDES: dict[Handedness, int] = {"right": 1, "left": 2}


@dataclass(frozen=True)
class HandTruth:
    """Ground truth of a hand in a picture.

    Attributes:
        keypoints: (21, 2) float32 x, y in pixels from the picture's corner, in MediaPipe's order.
        roi_corners: (4, 2) float32 x, y in pixels: top left, top right, bottom right and bottom left with the fingers
            up; the square of PKLNet's rule on the true finger valleys.
        handedness: Which hand it is.
    """

    keypoints: NDArray[np.float32]
    roi_corners: NDArray[np.float32]
    handedness: Handedness


@dataclass(frozen=True)
class SyntheticHand(HandTruth):
    """One picture of a hand with its ground truth.

    Attributes:
        pixels: (height, width, 3) uint8 RGB.
        mask: (height, width) bool mask of the hand with the visible forearm.
    """

    pixels: Image
    mask: Mask


@dataclass(frozen=True)
class HandIdentity:
    """What all pictures of one hand share, modelled as a right hand; its skin is generated on first use."""

    generator: HandGenerator
    subject: int
    hand: Handedness
    anatomy: Anatomy
    tone: Tone

    @cached_property
    def surface(self) -> Surface:
        """Skin of the hand, modelled as a right hand."""
        return draw_surface(self.anatomy, self.stream(1), 1.05 * self.generator.unit)

    def stream(self, *key: int) -> np.random.Generator:
        """Independent random generator of this hand for one purpose."""
        return self.generator.stream(self.subject, _SIDES[self.hand], *key)


@dataclass(frozen=True)
class HandGenerator:
    """Generates pictures of hands of people who do not exist.

    A picture depends only on the generator's fields, the subject, the hand and the sample's number, not on the order
    of calls or the number of threads. It is identical to the last bit with the same versions of NumPy and OpenCV on
    the same kind of processor.

    Seeds are disjoint populations: they share no hand. The audit's data set has seed 0 by default, so train on another
    seed.

    Attributes:
        seed: Population, 0 or more.
        width: Width of the pictures in pixels.
        height: Height of the pictures in pixels; a hand is upright and fills most of it. At 600 x 800 the palm's
            region of interest is about 187 pixels wide.

    Raises:
        ValueError: The seed is negative, or the pictures are smaller than 120 pixels.
    """

    seed: int = 0
    width: int = 600
    height: int = 800

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed must be 0 or more, not {self.seed}")
        if min(self.width, self.height) < SMALLEST:
            raise ValueError(
                f"pictures must be at least {SMALLEST} pixels wide and high, not {self.width} x {self.height}"
            )

    @property
    def unit(self) -> float:
        """Width of an average palm in pixels, from the knuckle of the index finger to that of the little finger."""
        return min(self.height / 3.8, self.width / 2.75)

    def identity(self, subject: int, hand: Handedness = "right") -> HandIdentity:
        """Generate one hand of one person. Both hands of a person share proportions and skin tone, but no lines."""
        person, own = self.stream(subject, 0), self.stream(subject, _SIDES[hand], 0)
        return HandIdentity(self, subject, hand, draw_anatomy(person, own), draw_tone(person))

    def sample(self, identity: HandIdentity, number: int) -> SyntheticHand:
        """Generate one picture of a hand, with its own pose, light, background and camera noise."""
        rng, pose = self._posed(identity, number)
        truth = self._truth(identity, pose)
        return SyntheticHand(truth.keypoints, truth.roi_corners, truth.handedness, *self._rendered(identity, pose, rng))

    def truth(self, identity: HandIdentity, number: int) -> HandTruth:
        """Compute the ground truth of `sample` without rendering the picture."""
        return self._truth(identity, self._posed(identity, number)[1])

    def picture(self, identity: HandIdentity, number: int) -> Image:
        """Render the picture of `sample`, (height, width, 3) uint8 RGB, without computing the ground truth."""
        rng, pose = self._posed(identity, number)
        return self._rendered(identity, pose, rng)[0]

    def stream(self, *key: int) -> np.random.Generator:
        """Random generator derived from the seed and a key, independent of all others."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def _posed(self, identity: HandIdentity, number: int) -> tuple[np.random.Generator, Pose]:
        rng = identity.stream(2, number)
        return rng, draw_pose(identity.anatomy, rng, self.width, self.height)

    def _rendered(self, identity: HandIdentity, pose: Pose, rng: np.random.Generator) -> tuple[Image, Mask]:
        pixels, mask = render(identity.surface, identity.tone, pose, self.width, self.height, rng)
        if identity.hand == "left":  # left hands are mirrored right hands
            return np.asarray(cv2.flip(pixels, 1), np.uint8), np.ascontiguousarray(mask[:, ::-1])
        return pixels, mask

    def _truth(self, identity: HandIdentity, pose: Pose) -> HandTruth:
        points = pose.forth(np.concatenate([identity.anatomy.keypoints, identity.anatomy.valleys()]))
        keypoints, corners = points[:21], _roi(*points[21:])
        if identity.hand == "left":
            keypoints, corners = ([self.width, 0] + p * [-1, 1] for p in (keypoints, corners[[1, 0, 3, 2]]))
        return HandTruth(keypoints.astype(np.float32), corners.astype(np.float32), identity.hand)


def _roi(right: Points, left: Points) -> Points:
    """(4, 2) corners of PKLNet's square, from the two finger valleys of a right hand."""
    line = right - left
    down = np.array([-line[1], line[0]])
    near = (left + right) / 2 + ROI_OFFSET * down
    half, side = ROI_SIDE / 2 * line, ROI_SIDE * down
    return np.stack([near - half, near + half, near + half + side, near - half + side])
