"""The palm as a polygon of keypoints, as published and as the authors' program draws it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import Hand, Mask, PalmVariant

KEYPOINTS: dict[PalmVariant, tuple[int, ...]] = {
    "paper": (0, 1, 2, 5, 9, 13, 17),
    "program": (0, 17, 13, 9, 5, 2),
}
"""Variant -> the keypoints whose convex hull is the palm."""

_SUBPIXEL_BITS = 4


def palm_polygon(hand: Hand, variant: PalmVariant) -> NDArray[np.float32]:
    """The convex hull of the palm's keypoints.

    Returns:
        (n, 2) float32, x y in pixels; n is at most the number of keypoints of the variant.
    """
    points = hand.keypoints[list(KEYPOINTS[variant])]
    return np.asarray(cv2.convexHull(points.astype(np.float32)), np.float32).reshape(-1, 2)


def palm_region(hand: Hand, variant: PalmVariant, shape: tuple[int, int]) -> Mask:
    """The filled palm polygon, not yet intersected with the hand mask.

    Args:
        hand: The hand.
        variant: Which keypoints.
        shape: (height, width) of the picture.

    Returns:
        (height, width) bool; pixels on the polygon's edge are inside.
    """
    filled = np.zeros(shape, np.uint8)
    # Keypoints count from the picture's corner, OpenCV from the centre of the first pixel.
    corners = np.round((palm_polygon(hand, variant) - 0.5) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    cv2.fillConvexPoly(filled, corners, 1, shift=_SUBPIXEL_BITS)
    return filled.astype(bool)
