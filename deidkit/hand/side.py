"""Classification of a hand as left or right, and of its visible side.

With the fingers up, the thumb of a right palm and of the back of a left hand is on the right: keypoints alone cannot
distinguish them. MediaPipe's network predicts handedness from the skin, and the fingertips' distance from the camera;
both are mirrored with the picture, so that the result also holds for selfies.

Measured on what could be had: of 52 photographs of palms of 22 people and their mirror images none is called a back
(two, of one dim photograph, are left open), and of two photographs of backs of two people and their mirror images
every one is. Two people are few: the share of backs that are found is not known.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import Handedness

PALM_VIEW = 0.9
"""Prior probability that a picture shows the palm, not the back of the hand."""

LEAST_CURL = 0.15
"""Least distance of the fingertips from the palm's plane, in palm lengths, that decides the side: fingers bend towards
the palm. Photographs of palms: 0.20 to 0.50, but for one of -0.11; of backs: -0.33 to -0.67."""

_BACK_OF_OTHER = 1 - PALM_VIEW
"""Probability, for the hand that a palm view implies, below which the back of the other hand is more likely."""


def looks_right(keypoints: NDArray[np.float32]) -> bool:
    """Whether the thumb's side is on the right with the fingers up: a right palm, or the back of a left hand.

    Args:
        keypoints: (21, 2) x y in pixels, y downwards.
    """
    index, little = keypoints[5] - keypoints[0], keypoints[17] - keypoints[0]
    return float(little[0] * index[1] - little[1] * index[0]) > 0


def handedness(right: float, keypoints: NDArray[np.float32]) -> Handedness:
    """Handedness of the person's hand: the network's output combined with the prior for a palm view.

    Args:
        right: The network's probability of a right hand, for a picture that is not mirrored.
        keypoints: (21, 2).
    """
    prior = PALM_VIEW if looks_right(keypoints) else 1 - PALM_VIEW
    return "right" if right * prior > (1 - right) * (1 - prior) else "left"


def side(right: float, keypoints: NDArray[np.float32], metres: NDArray[np.float32]) -> Literal["palm", "back"] | None:
    """Visible side of the hand if both cues agree; None otherwise.

    Args:
        right: The network's probability of a right hand.
        keypoints: (21, 2) x y in pixels.
        metres: (21, 3) keypoints in space, z away from the camera.
    """
    as_palm = right if looks_right(keypoints) else 1 - right
    curl = _curl(np.asarray(metres, np.float64))
    if as_palm >= 0.5 and curl >= LEAST_CURL:
        return "palm"
    if as_palm < _BACK_OF_OTHER and curl <= -LEAST_CURL:
        return "back"
    return None


def _curl(points: NDArray[np.float64]) -> float:
    """Distance of the fingertips from the palm's plane, towards the camera, in palm lengths."""
    normal = np.cross(points[5] - points[0], points[17] - points[0])
    length = float(np.linalg.norm(normal))
    palm = float(np.linalg.norm(points[9] - points[0]))
    if not min(length, palm) > 0:
        return 0.0
    towards_camera = normal / (length if normal[2] < 0 else -length)
    return float(np.mean((points[[8, 12, 16, 20]] - points[[5, 9, 13, 17]]) @ towards_camera)) / palm
