"""Whole hands from numbers: a seed, a subject, a hand, a sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import Handedness, Image, Mask
from deidkit.synthesis.anatomy import ROI_OFFSET, ROI_SIDE, Anatomy, draw_anatomy
from deidkit.synthesis.pose import draw_pose
from deidkit.synthesis.rendering import Tone, draw_tone, render
from deidkit.synthesis.surface import Surface, draw_surface

VERSION = "1"
"""A new one whenever a picture changes."""

@dataclass(frozen=True)
class HandIdentity:
    """Everything about one hand that all its pictures share.

    Attributes:
        subject: The person's number.
        hand: Which hand.
        anatomy: Its proportions, as of a right hand.
        surface: Its skin, as of a right hand.
        tone: Its pigments.
    """

    subject: int
    hand: Handedness
    anatomy: Anatomy
    surface: Surface
    tone: Tone


@dataclass(frozen=True)
class SyntheticHand:
    """One picture of a hand with its ground truth.

    Attributes:
        pixels: (height, width, 3) uint8 RGB.
        keypoints: (21, 2) float32, x y in pixels, MediaPipe's order.
        mask: (height, width) bool, the hand with its forearm.
        roi_corners: (4, 2) float32, x y in pixels, in the order of `protocols.RoiRule`.
        handedness: Which hand.
    """

    pixels: Image
    keypoints: NDArray[np.float32]
    mask: Mask
    roi_corners: NDArray[np.float32]
    handedness: Handedness


@dataclass(frozen=True)
class HandGenerator:
    seed: int = 0
    width: int = 600
    height: int = 800

    def identity(self, subject: int, hand: Handedness = "right") -> HandIdentity:
        side = 1 if hand == "right" else 2
        person, shape, skin = self._stream(subject, 0), self._stream(subject, side, 0), self._stream(subject, side, 1)
        anatomy = draw_anatomy(person, shape)
        tone = draw_tone(person)
        texels = 1.05 * min(self.height / 3.8, self.width / 2.75)
        return HandIdentity(subject, hand, anatomy, draw_surface(anatomy, skin, texels), tone)

    def sample(self, identity: HandIdentity, number: int) -> SyntheticHand:
        side = 1 if identity.hand == "right" else 2
        rng = self._stream(identity.subject, side, 2, number)
        pose = draw_pose(identity.anatomy, rng, self.width, self.height)
        keypoints = pose.forth(np.concatenate([identity.anatomy.keypoints, identity.anatomy.valleys()]))
        corners = _roi(keypoints)
        pixels, mask = render(identity.surface, identity.tone, pose, self.width, self.height, rng)
        points = keypoints[:21]
        if identity.hand == "left":
            pixels, mask = np.ascontiguousarray(pixels[:, ::-1]), np.ascontiguousarray(mask[:, ::-1])
            points = np.stack([self.width - points[:, 0], points[:, 1]], axis=1)
            corners = np.stack([self.width - corners[:, 0], corners[:, 1]], axis=1)[[1, 0, 3, 2]]
        return SyntheticHand(pixels, points.astype(np.float32), mask, corners.astype(np.float32), identity.hand)

    def _stream(self, *key: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))


def _roi(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The square of the valley rule from the true finger valleys; `points` ends with them."""
    right, left = points[21:]
    line = right - left
    distance = float(np.hypot(*line))
    across = line / distance
    down = np.array([-across[1], across[0]])
    near = (left + right) / 2 + ROI_OFFSET * distance * down
    half, side = across * ROI_SIDE * distance / 2, down * ROI_SIDE * distance
    return np.stack([near - half, near + half, near + half + side, near - half + side])
