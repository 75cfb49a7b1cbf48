"""The palm as a polygon: of keypoints as published, as the authors' program draws it, or as far as recognizers read."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import Hand, Mask, PalmVariant

KEYPOINTS: dict[PalmVariant, tuple[int, ...]] = {
    "paper": (0, 1, 2, 5, 9, 13, 17),
    "program": (0, 17, 13, 9, 5, 2),
    "region": (0, 1, 2, 5, 9, 13, 17),
}
"""Variant -> the keypoints whose convex hull is the palm, or the part of it that keypoints bound."""

REGION_MARGIN = 0.08
"""How far `region` reaches beyond each edge of what recognizers read, in parts of its side: the region found in a copy
need not lie where the original's does."""

_SUBPIXEL_BITS = 4


def palm_polygon(
    hand: Hand, variant: PalmVariant, roi_corners: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """The convex hull of the palm's keypoints; for ``region`` together with what recognizers read.

    Args:
        hand: The hand.
        variant: Which palm.
        roi_corners: (4, 2) of the hand's region of interest; needed for ``region``, unused else.

    Returns:
        (n, 2) float32, x y in pixels.

    Raises:
        ValueError: ``region`` without corners.
    """
    points = hand.keypoints[list(KEYPOINTS[variant])]
    if variant == "region":
        if roi_corners is None:
            raise ValueError("the palm variant 'region' needs the corners of the region of interest")
        grown = roi_corners + 2 * REGION_MARGIN * (roi_corners - roi_corners.mean(axis=0))
        points = np.concatenate([points, grown])
    return np.asarray(cv2.convexHull(points.astype(np.float32)), np.float32).reshape(-1, 2)


def palm_region(
    hand: Hand, variant: PalmVariant, shape: tuple[int, int], roi_corners: NDArray[np.float32] | None = None
) -> Mask:
    """The filled palm polygon, its edge inside, in a picture of ``shape`` (height, width); not cut by the hand mask."""
    return filled(palm_polygon(hand, variant, roi_corners), shape)


def filled(polygon: NDArray[np.float32], shape: tuple[int, int]) -> Mask:
    """(height, width) bool: a convex polygon, (n, 2) x y in pixels from the picture's corner, with its edge."""
    mask = np.zeros(shape, np.uint8)
    # Keypoints count from the picture's corner, OpenCV from the centre of the first pixel.
    corners = np.round((polygon - 0.5) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    cv2.fillConvexPoly(mask, corners, 1, shift=_SUBPIXEL_BITS)
    return mask.astype(bool)
