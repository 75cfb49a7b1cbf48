"""Alignment of hands: rotated, scaled and mirrored to a right palm with its fingers up, by keypoints."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.errors import SampleError
from deidkit.protocols import Hand, Image

HEIGHT, WIDTH = 288, 224

BASE = (0, 5, 9, 13, 17)
"""Wrist and knuckles, which hardly move relative to one another."""

PLACES = np.array([[0.48, 0.90], [0.66, 0.52], [0.54, 0.49], [0.42, 0.51], [0.31, 0.56]]) * [WIDTH, HEIGHT]
"""Their target positions, x y in pixels."""


def align(pixels: Image, hand: Hand) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Align a hand: (288, 224) uint8 grey, 0 outside of the picture, and its (21, 2) keypoints there, x y.

    Raises:
        SampleError: The keypoints coincide or are collinear.
    """
    points = np.asarray(hand.keypoints, np.float64)
    index, little = points[5] - points[0], points[17] - points[0]
    turn = float(index[0] * little[1] - index[1] * little[0])
    if not np.isfinite(points).all() or abs(turn) < 1.0:
        raise SampleError("the hand's keypoints lie on a line")
    mirror = np.diag([1.0, 1.0] if turn < 0 else [-1.0, 1.0])
    move = _similarity((points @ mirror)[list(BASE)], PLACES)
    move[:, :2] = move[:, :2] @ mirror
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    scale = float(np.sqrt(abs(np.linalg.det(move[:, :2]))))
    if scale < 0.5:  # average before reducing, since aliasing would turn fine lines into noise
        grey = cv2.GaussianBlur(grey, (0, 0), 0.35 / scale)
    placed = cv2.warpAffine(grey, move, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)
    return np.asarray(placed, np.uint8), (points @ move[:, :2].T + move[:, 2]).astype(np.float32)


def _similarity(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Similarity transform that maps points closest to others (Umeyama, IEEE TPAMI 1991); (2, 3)."""
    from_mean, to_mean = source.mean(axis=0), target.mean(axis=0)
    one, other = source - from_mean, target - to_mean
    left, values, right = np.linalg.svd(other.T @ one)
    signs = np.array([1.0, np.sign(np.linalg.det(left @ right))])
    turn = left @ np.diag(signs) @ right
    scale = float((values * signs).sum() / (one**2).sum())
    return np.column_stack([scale * turn, to_mean - scale * turn @ from_mean])
