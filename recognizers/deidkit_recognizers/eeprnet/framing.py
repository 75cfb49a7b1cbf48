"""Input of the network: the square around a hand, mirrored to a right one, and the points of its palm."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.errors import SampleError
from deidkit.protocols import Hand, Image

SIZE = 224
"""Side of the picture in pixels."""

MARGIN = 1.15
"""Side of the square in multiples of the hand's extent."""


def frame(pixels: Image, hand: Hand) -> tuple[Image, NDArray[np.float64]]:
    """Crop the hand's square.

    The published networks were given pictures of one hand each; here the square is cropped by the keypoints.

    Args:
        pixels: (height, width, 3) uint8 RGB.
        hand: The hand.

    Returns:
        (224, 224, 3) uint8, black outside of the picture; and the (2, 3) map from the picture's pixels to -1..1 in it.

    Raises:
        SampleError: The keypoints coincide or are collinear.
    """
    points = np.asarray(hand.keypoints, np.float64)
    index, little = points[5] - points[0], points[17] - points[0]
    turn = float(index[0] * little[1] - index[1] * little[0])
    if not np.isfinite(points).all() or abs(turn) < 1.0:
        raise SampleError("the hand's keypoints lie on a line")
    low, high = points.min(axis=0), points.max(axis=0)
    centre, half = (low + high) / 2, MARGIN * float((high - low).max()) / 2
    flip = 1.0 if turn < 0 else -1.0
    unit = np.array([[flip / half, 0.0, -flip * centre[0] / half], [0.0, 1.0 / half, -centre[1] / half]])
    move = unit * (SIZE / 2)
    move[:, 2] += SIZE / 2 - 0.5
    if half > SIZE:  # average before reducing, since aliasing would turn fine lines into noise
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), 0.35 * 2 * half / SIZE), np.uint8)
    framed = cv2.warpAffine(pixels, move, (SIZE, SIZE), flags=cv2.INTER_LINEAR)
    return np.asarray(framed, np.uint8), unit


def palm_points(corners: NDArray[np.float32], unit: NDArray[np.float64]) -> NDArray[np.float32]:
    """The 3 x 3 grid over the palm's region, in the network's output format.

    Args:
        corners: (4, 2) of the region in the picture: top left, top right, bottom right, bottom left, fingers up.
        unit: From `frame`.

    Returns:
        (18,) float32: nine x, then nine y, each in -1..1, three points down, column by column.
    """
    square = np.asarray(corners, np.float64) @ unit[:, :2].T + unit[:, 2]
    if unit[0, 0] < 0:
        square = square[[1, 0, 3, 2]]  # mirrored: left and right change places
    top_left, top_right, bottom_right, bottom_left = square
    steps = np.array([0.0, 0.5, 1.0])
    grid = [
        (1 - down) * ((1 - across) * top_left + across * top_right)
        + down * ((1 - across) * bottom_left + across * bottom_right)
        for across in steps
        for down in steps
    ]
    return np.asarray(np.stack(grid, axis=1).ravel(), np.float32)
