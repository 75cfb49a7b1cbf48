"""Generates whole hands from numbers: a seed, a subject, a hand, a sample."""

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
"""A new one whenever a picture changes."""

SMALLEST = 120
"""Least width and height of a picture in pixels: below, there are no lines left to draw."""

_SIDES: dict[Handedness, int] = {"right": 1, "left": 2}


@dataclass(frozen=True)
class HandTruth:
    """Where the parts of a hand are in a picture.

    Attributes:
        keypoints: (21, 2) float32, x y in pixels counted from the picture's corner, MediaPipe's order.
        roi_corners: (4, 2) float32, x y in pixels: top left, top right, bottom right, bottom left with the fingers
            up; the square of PKLNet's rule on the true finger valleys.
    """

    keypoints: NDArray[np.float32]
    roi_corners: NDArray[np.float32]
    handedness: Handedness


@dataclass(frozen=True)
class SyntheticHand(HandTruth):
    """One picture of a hand with its ground truth.

    Attributes:
        pixels: (height, width, 3) uint8 RGB.
        mask: (height, width) bool, the hand with what is seen of the forearm.
    """

    pixels: Image
    mask: Mask


@dataclass(frozen=True)
class HandIdentity:
    """What all pictures of one hand share, as of a right hand; the skin is drawn when first asked for."""

    generator: HandGenerator
    subject: int
    hand: Handedness
    anatomy: Anatomy
    tone: Tone

    @cached_property
    def surface(self) -> Surface:
        """Its skin, as of a right hand."""
        return draw_surface(self.anatomy, self.stream(1), 1.05 * self.generator.unit)

    def stream(self, *key: int) -> np.random.Generator:
        """This hand's own random numbers for one purpose."""
        return self.generator.stream(self.subject, _SIDES[self.hand], *key)


@dataclass(frozen=True)
class HandGenerator:
    """Draws hands that nobody has.

    A picture depends on nothing but the generator's fields, the subject, the hand and the sample's number: not on
    what else is drawn, nor in which order, nor in how many threads. It is the same to the last bit with the same
    versions of NumPy and OpenCV on the same kind of processor.

    Two seeds are two populations: no hand of the one is in the other. The audit's data set has seed 0 unless told
    otherwise, so whatever is trained on drawn hands must be trained on another seed.

    Attributes:
        seed: Which population, 0 or more.
        height: Of the pictures; a hand stands upright and fills most of it. At 600 x 800 the palm's region of
            interest is about 187 pixels wide.

    Raises:
        ValueError: A seed below 0, or pictures smaller than 120 pixels.
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
        """Width of an average palm in pixels, between the knuckles of index and little finger."""
        return min(self.height / 3.8, self.width / 2.75)

    def identity(self, subject: int, hand: Handedness = "right") -> HandIdentity:
        """One hand of one person. Both hands of a person share their build and tone, not their lines."""
        person, own = self.stream(subject, 0), self.stream(subject, _SIDES[hand], 0)
        return HandIdentity(self, subject, hand, draw_anatomy(person, own), draw_tone(person))

    def sample(self, identity: HandIdentity, number: int) -> SyntheticHand:
        """One picture of a hand: its own pose, light, background and camera noise."""
        rng, pose = self._posed(identity, number)
        truth = self._truth(identity, pose)
        return SyntheticHand(truth.keypoints, truth.roi_corners, truth.handedness, *self._rendered(identity, pose, rng))

    def truth(self, identity: HandIdentity, number: int) -> HandTruth:
        """The ground truth of `sample`, without drawing the picture."""
        return self._truth(identity, self._posed(identity, number)[1])

    def picture(self, identity: HandIdentity, number: int) -> Image:
        """(height, width, 3) uint8 RGB: what `sample` shows, without finding out where the hand's parts are."""
        rng, pose = self._posed(identity, number)
        return self._rendered(identity, pose, rng)[0]

    def stream(self, *key: int) -> np.random.Generator:
        """Random numbers that belong to a key, whatever else was drawn before."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def _posed(self, identity: HandIdentity, number: int) -> tuple[np.random.Generator, Pose]:
        rng = identity.stream(2, number)
        return rng, draw_pose(identity.anatomy, rng, self.width, self.height)

    def _rendered(self, identity: HandIdentity, pose: Pose, rng: np.random.Generator) -> tuple[Image, Mask]:
        pixels, mask = render(identity.surface, identity.tone, pose, self.width, self.height, rng)
        if identity.hand == "left":  # everything is drawn as a right hand; a left one is its mirror image
            return np.asarray(cv2.flip(pixels, 1), np.uint8), np.ascontiguousarray(mask[:, ::-1])
        return pixels, mask

    def _truth(self, identity: HandIdentity, pose: Pose) -> HandTruth:
        points = pose.forth(np.concatenate([identity.anatomy.keypoints, identity.anatomy.valleys()]))
        keypoints, corners = points[:21], _roi(*points[21:])
        if identity.hand == "left":
            keypoints, corners = ([self.width, 0] + p * [-1, 1] for p in (keypoints, corners[[1, 0, 3, 2]]))
        return HandTruth(keypoints.astype(np.float32), corners.astype(np.float32), identity.hand)


def _roi(right: Points, left: Points) -> Points:
    """(4, 2) The square of PKLNet's rule on two finger valleys of a right hand."""
    line = right - left
    down = np.array([-line[1], line[0]])
    near = (left + right) / 2 + ROI_OFFSET * down
    half, side = ROI_SIDE / 2 * line, ROI_SIDE * down
    return np.stack([near - half, near + half, near + half + side, near - half + side])
