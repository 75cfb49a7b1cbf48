"""How rough the skin of a copy's palm is compared with the original's: similarity measures overrate a smooth patch."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import GreyImage, Mask

COARSEST, FINEST = 10, 40
"""Cycles across the region between which texture is fine: wrinkles and ridges, neither light and shade nor the
camera's grain."""

MARGIN = 7
"""Pixels of the palm's rim that are left out: the step from a changed palm to the rest is not texture."""

DARKEST = 16.0
"""Mean grey level that darker palms count as: what compression leaves of black is not texture."""

LEAST = 0.05
"""Grey levels at a mean of 128 below which an original has no texture to compare with."""


def palm_texture(original: GreyImage, copy: GreyImage, palm: Mask) -> float | None:
    """Fine texture of the copy's palm in percent of the original's.

    Args:
        original: (n, n) uint8, its region of interest.
        copy: (n, n) uint8, the same place in the copy.
        palm: (n, n) bool, the palm in it.

    Returns:
        100 where the copy is as rough, less where it is smoother, more where it is rougher, 0 where it is black; None
        where the palm is too small, or the original itself has none.
    """
    kernel = np.ones((2 * MARGIN + 1,) * 2, np.uint8)
    inner = np.asarray(cv2.erode(palm.astype(np.uint8), kernel), np.uint8) > 0
    of_original = _roughness(original, inner) if inner.any() else 0.0
    return 100.0 * _roughness(copy, inner) / of_original if of_original >= LEAST else None


def _roughness(region: GreyImage, palm: Mask) -> float:
    """Standard deviation of the fine texture, in grey levels at a mean of 128."""
    fine, weight = region.astype(np.float32), palm.astype(np.float32)
    mean = float(fine[palm].mean())
    for _ in range(2):  # once would let an eighth of features of twice the size through
        fine -= _blurred(fine, weight, COARSEST)
    return 128.0 * float(_blurred(fine, weight, FINEST)[palm].std()) / max(mean, DARKEST)


def _blurred(values: NDArray[np.float32], weight: NDArray[np.float32], cycles: int) -> NDArray[np.float32]:
    """By a Gaussian that leaves 61 % of the amplitude at a frequency; what is outside the palm has no influence."""
    sigma = len(values) / (2.0 * math.pi * cycles)
    total, share = (cv2.GaussianBlur(plane, (0, 0), sigma) for plane in (values * weight, weight))
    return np.asarray(total / np.maximum(share, 1e-3), np.float32)
