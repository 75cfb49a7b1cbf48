"""Palm polygons: from keypoints as published, as in the authors' program, or covering the recognized region."""

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
"""Variant -> keypoints whose convex hull is the palm, or the part of it bounded by keypoints."""

REGION_MARGIN = 0.08
"""Margin of `region` beyond the recognized region, in parts of its side, since a copy's region may be displaced."""

_SUBPIXEL_BITS = 4


def palm_polygon(
    hand: Hand, variant: PalmVariant, roi_corners: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Convex hull of the palm's keypoints; for ``region`` together with the region of interest.

    Args:
        hand: The hand.
        variant: Variant of the palm.
        roi_corners: (4, 2) corners of the hand's region of interest; needed for ``region`` only.

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
    """The filled palm polygon including its edge, in a picture of ``shape`` (height, width); ignores the hand mask."""
    return filled(palm_polygon(hand, variant, roi_corners), shape)


def filled(polygon: NDArray[np.float32], shape: tuple[int, int]) -> Mask:
    """(height, width) bool: a convex polygon, (n, 2) x y in pixels from the picture's corner, with its edge."""
    mask = np.zeros(shape, np.uint8)
    # Keypoints are relative to the picture's corner, OpenCV's coordinates to the first pixel's centre.
    corners = np.round((polygon - 0.5) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    cv2.fillConvexPoly(mask, corners, 1, shift=_SUBPIXEL_BITS)
    return mask.astype(bool)
