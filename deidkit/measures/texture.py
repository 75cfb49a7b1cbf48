"""Fine texture of a copy's palm relative to the original's; similarity measures overrate smooth patches."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import GreyImage, Mask

COARSEST, FINEST = 10, 40
"""Band of fine texture, in cycles across the region: wrinkles and ridges, without shading and sensor noise."""

MARGIN = 7
"""Pixels eroded from the palm's edge, where a step between changed and unchanged skin would count as texture."""

DARKEST = 16.0
"""Lower limit of the mean grey level used as divisor, so that compression noise in black is not amplified."""

LEAST = 0.05
"""Minimum roughness of an original, in grey levels at a mean of 128, for a comparison."""


def palm_texture(original: GreyImage, copy: GreyImage, palm: Mask) -> float | None:
    """Measure the fine texture of the copy's palm in percent of the original's.

    Args:
        original: (n, n) uint8 region of interest of the original.
        copy: (n, n) uint8 same region of the copy.
        palm: (n, n) bool mask of the palm in the region.

    Returns:
        100 for equal roughness, less for a smoother copy, more for a rougher one, 0 for a black one; None if the palm
        is too small or the original has no texture.
    """
    kernel = np.ones((2 * MARGIN + 1,) * 2, np.uint8)
    inner = np.asarray(cv2.erode(palm.astype(np.uint8), kernel), np.uint8) > 0
    of_original = _roughness(original, inner) if inner.any() else 0.0
    return 100.0 * _roughness(copy, inner) / of_original if of_original >= LEAST else None


def _roughness(region: GreyImage, palm: Mask) -> float:
    """Standard deviation of the fine texture, in grey levels at a mean of 128."""
    fine, weight = region.astype(np.float32), palm.astype(np.float32)
    mean = float(fine[palm].mean())
    for _ in range(2):  # a single pass would keep an eighth of features twice as large
        fine -= _blurred(fine, weight, COARSEST)
    return 128.0 * float(_blurred(fine, weight, FINEST)[palm].std()) / max(mean, DARKEST)


def _blurred(values: NDArray[np.float32], weight: NDArray[np.float32], cycles: int) -> NDArray[np.float32]:
    """Gaussian blur within the palm that keeps 61 % of the amplitude at `cycles`; normalized by the mask's blur."""
    sigma = len(values) / (2.0 * math.pi * cycles)
    total, share = (cv2.GaussianBlur(plane, (0, 0), sigma) for plane in (values * weight, weight))
    return np.asarray(total / np.maximum(share, 1e-3), np.float32)
