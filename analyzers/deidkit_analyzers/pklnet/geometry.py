"""Conversion between finger valleys and region of interest, and the outline near a valley."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.errors import SampleError
from deidkit.protocols import Mask

OFFSET, SIDE = 0.15, 1.2
"""Alpha and beta: the near edge's distance from the valleys' line, and the square's side, in parts of the valleys'
distance."""
NEIGHBOURS = 20
"""Outline points on each side of a valley."""
SPACING = 1 / 400
"""Distance of outline points, relative to the frame's height: one pixel of the published input."""


def valleys_of(corners: NDArray[np.floating], index_side: NDArray[np.floating]) -> NDArray[np.float64]:
    """Compute the finger valleys that define a square.

    Args:
        corners: (4, 2) top left, top right, bottom right, bottom left, made with `OFFSET` and `SIDE`.
        index_side: (2,) a vector that points towards the index finger's side of the palm.

    Returns:
        (3, 2): the valley next to the index finger, that next to the little finger, the square's centre.
    """
    c = np.asarray(corners, np.float64)
    across, down = (c[1] - c[0]) / SIDE, (c[3] - c[0]) / SIDE
    middle = (c[0] + c[1]) / 2 - OFFSET * down
    towards = across if float(across @ index_side) > 0 else -across
    return np.stack([middle + towards / 2, middle - towards / 2, c.mean(axis=0)])


def outline_near(mask: Mask, point: NDArray[np.floating]) -> NDArray[np.float32]:
    """Sample the outline of a mask at equal steps on both sides of a point.

    Args:
        mask: (h, w) bool.
        point: (2,) x y in pixels.

    Returns:
        (41, 2) float32: the outline's point nearest to `point` in the middle.

    Raises:
        SampleError: The mask has no outline.
    """
    # Add half a pixel, as OpenCV's contours run through the centres of the outermost pixels.
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not found:
        raise SampleError("the hand mask is empty")
    line = max(found, key=len)[:, 0].astype(np.float64) + 0.5
    closed = np.concatenate([line, line[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    nearest = int(np.argmin(((line - point) ** 2).sum(axis=1)))
    steps = np.arange(-NEIGHBOURS, NEIGHBOURS + 1) * SPACING * mask.shape[0]
    at = (along[nearest] + steps) % max(along[-1], 1e-6)
    return np.stack([np.interp(at, along, closed[:, axis]) for axis in (0, 1)], axis=1).astype(np.float32)
