"""Extraction of a square from a picture at any position, angle and scale, without aliasing.

Coordinates are continuous: the picture's top left corner is (0, 0), and pixel (i, j) covers the unit square from
x = j, y = i; its centre is at (j + 0.5, i + 0.5). Keypoints, boxes and corners all use them.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

MOST_SAMPLES = 3
"""Largest number of samples per output pixel and axis; finer pictures are halved first, as often as needed."""

_PADDING_RATIO = 8
"""Ratio of source to sampled pixels up to which a fourth channel is added to the source."""


def square(centre: NDArray[np.floating], side: float, angle: float) -> NDArray[np.float32]:
    """(4, 2) corners of a square about a point, rotated clockwise by an angle in radians, its own top left first."""
    right = np.array([np.cos(angle), np.sin(angle)]) * side / 2
    down = np.array([-np.sin(angle), np.cos(angle)]) * side / 2
    return np.array(
        [centre - right - down, centre + right - down, centre + right + down, centre - right + down], np.float32
    )


def in_picture(corners: NDArray[np.float32], points: NDArray[np.floating]) -> NDArray[np.float32]:
    """Map (..., 2) coordinates within a square, 0..1 from its top left corner, to pixels of the picture."""
    across, along = corners[1] - corners[0], corners[3] - corners[0]
    return np.asarray(corners[0] + points[..., :1] * across + points[..., 1:2] * along, np.float32)


def cut(image: NDArray[np.uint8], region: NDArray[np.floating], size: int) -> NDArray[np.uint8]:
    """Warp a quadrilateral to a square picture; pixels outside of the picture are black.

    Every output pixel is the mean of the source area it covers (up to the sampling grid), like INTER_AREA for an
    upright square.

    Args:
        image: (height, width) or (height, width, 3) uint8.
        region: (4, 2) top left, top right, bottom right, bottom left of the result, in pixels of `image`.
        size: Side of the result in pixels.

    Returns:
        (size, size) or (size, size, 3) uint8.
    """
    corners: NDArray[np.float64] = region.astype(np.float64)
    sides = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    per_pixel = float(sides.mean()) / size
    if per_pixel > MOST_SAMPLES:
        halvings = int(np.ceil(np.log2(per_pixel / MOST_SAMPLES)))
        image, corners = _halved(image, corners, halvings)
        per_pixel /= 2**halvings
        if image.size == 0:
            return np.zeros((size, size, *image.shape[2:]), np.uint8)
    samples = min(max(int(np.ceil(per_pixel)), 1), MOST_SAMPLES)
    fine = size * samples
    # OpenCV warps four channels in half the time of three, with the same values.
    fourth = image.ndim == 3 and image.shape[0] * image.shape[1] <= _PADDING_RATIO * fine * fine
    if fourth:
        image = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2RGBA), np.uint8)
    # In OpenCV, integer coordinates are pixel centres.
    target = np.array([[0, 0], [fine, 0], [fine, fine], [0, fine]], np.float64) - 0.5
    source = corners - 0.5
    if np.allclose(corners[0] + corners[2], corners[1] + corners[3], atol=1e-2):
        affine = cv2.getAffineTransform(source[:3].astype(np.float32), target[:3].astype(np.float32))
        warped = cv2.warpAffine(image, affine, (fine, fine), flags=cv2.INTER_LINEAR)
    else:
        transform = cv2.getPerspectiveTransform(source.astype(np.float32), target.astype(np.float32))
        warped = cv2.warpPerspective(image, transform, (fine, fine), flags=cv2.INTER_LINEAR)
    if fourth:
        warped = cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB)
    return np.asarray(cv2.resize(warped, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def _halved(
    image: NDArray[np.uint8], corners: NDArray[np.float64], times: int
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Crop a picture around some corners and halve it by averaging; returns the crop and the corners in it."""
    size = np.array([image.shape[1], image.shape[0]])
    margin = 2 ** (times + 1)
    low = np.clip(np.floor(corners.min(axis=0) - margin), 0, size).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0) + margin), 0, size).astype(int)
    part = image[low[1] : high[1], low[0] : high[0]]
    corners = corners - low
    for _ in range(times if part.size else 0):
        height, width = part.shape[:2]
        half = ((width + 1) // 2, (height + 1) // 2)
        part = np.asarray(cv2.resize(part, half, interpolation=cv2.INTER_AREA), np.uint8)
        corners = corners * (np.array(half) / [width, height])
    return part, corners
