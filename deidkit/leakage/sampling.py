"""Sampling of pictures through affine maps."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.leakage.relief import Plane
from deidkit.leakage.turns import Affine
from deidkit.protocols import Image


class Pyramid:
    """One channel of a picture at full size, half, quarter ..., computed on demand.

    Args:
        plane: (h, w) uint8.
    """

    def __init__(self, plane: NDArray[np.uint8]) -> None:
        self._levels = [plane]

    def sampled(self, affine: Affine, size: tuple[int, int]) -> Plane:
        """Sample the picture in a frame.

        Args:
            affine: Maps points of the frame to the full picture.
            size: (height, width) of the frame.
        """
        (a, b, _), (c, d, _) = affine.tolist()
        scale = np.sqrt(abs(a * d - b * c))
        level = max(0, int(np.floor(np.log2(max(scale, 1e-6) / 0.71))))
        while len(self._levels) <= level and min(self._levels[-1].shape) >= 2:
            last = self._levels[-1]
            half = max(1, last.shape[1] // 2), max(1, last.shape[0] // 2)
            self._levels.append(np.asarray(cv2.resize(last, half, interpolation=cv2.INTER_AREA), dtype=np.uint8))
        source = self._levels[min(level, len(self._levels) - 1)]
        full = self._levels[0].shape
        matrix = np.array([[source.shape[1] / full[1]], [source.shape[0] / full[0]]]) * affine
        matrix[:, 2] += (0.5 * matrix[:, 0] + 0.5 * matrix[:, 1]) - 0.5  # OpenCV's origin is the first pixel's centre
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        sampled = cv2.warpAffine(source, matrix, size[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(sampled, dtype=np.float32)


def grey(picture: Image) -> NDArray[np.uint8]:
    """Luma of a picture."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def largest_difference(one: Image, other: Image) -> NDArray[np.uint8]:
    """(h, w) uint8: the largest difference over the channels of two pictures of one size."""
    difference = cv2.absdiff(one, other)
    return np.asarray(cv2.max(cv2.max(*cv2.split(difference)[:2]), difference[:, :, 2]), np.uint8)


def after(outer: Affine, inner: Affine) -> Affine:
    """Compose two affine maps; `inner` is applied first."""
    result = np.empty((2, 3))
    result[:, :2] = outer[:, :2] @ inner[:, :2]
    result[:, 2] = outer[:, :2] @ inner[:, 2] + outer[:, 2]
    return result


def inverse(affine: Affine) -> Affine:
    """Inverse of an affine map."""
    linear = np.linalg.inv(affine[:, :2])
    return np.column_stack([linear, -linear @ affine[:, 2]])
