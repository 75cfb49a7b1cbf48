"""Structural similarity, fast: a map for each channel, box or Gaussian windows, in single precision steps of OpenCV.

Wang, Bovik, Sheikh, Simoncelli, IEEE TIP 2004; multi-scale: Wang, Simoncelli, Bovik, Asilomar 2003.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import Image

K1, K2 = 0.01, 0.03
WINDOW = 7
"""Side of the uniform window (scikit-image's default)."""

SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Weights of the five scales of MS-SSIM."""

MS_WINDOW, MS_SIGMA = 11, 1.5

Array = NDArray[np.floating]


def ssim_map(original: Image, output: Image) -> Array:
    """SSIM at every pixel, mean over the channels.

    Uniform 7 x 7 window, sample covariance, data range 255: scikit-image's defaults with ``channel_axis=-1``.

    Args:
        original: (h, w, 3) uint8.
        output: The same shape.

    Returns:
        (h - 6, w - 6) float64: where the window lies inside of the picture.
    """
    pad = WINDOW // 2
    count = WINDOW * WINDOW
    unbiased = count / (count - 1)
    total: Array | None = None
    for channel in range(original.shape[2]):
        x = original[..., channel].astype(np.float64)
        y = output[..., channel].astype(np.float64)
        mean_x, mean_y = _box(x), _box(y)
        variance_x = unbiased * (_box(x * x) - mean_x * mean_x)
        variance_y = unbiased * (_box(y * y) - mean_y * mean_y)
        covariance = unbiased * (_box(x * y) - mean_x * mean_y)
        similarity = _luminance(mean_x, mean_y) * _contrast(variance_x, variance_y, covariance)
        total = similarity if total is None else total + similarity
    assert total is not None
    inner: Array = (total / original.shape[2])[pad:-pad, pad:-pad]
    return inner


def ms_ssim(original: Image, output: Image) -> float:
    """Multi-scale SSIM, as the program ``piq`` computes it: Gaussian 11 x 11 of 1.5, data range 1, five scales.

    Args:
        original: (h, w, 3) uint8, both sides at least 161.
        output: The same shape.

    Returns:
        In 0..1: the mean over channels of the weighted product over scales, negative terms taken as 0.
    """
    values = []
    for channel in range(original.shape[2]):
        # single precision: on values in 0..1 the result moves by less than 1e-6
        x = original[..., channel].astype(np.float32) / np.float32(255.0)
        y = output[..., channel].astype(np.float32) / np.float32(255.0)
        product = 1.0
        for scale, weight in enumerate(SCALES):
            if scale:
                x, y = _halved(x), _halved(y)
            mean_x, mean_y = _gauss(x), _gauss(y)
            variance_x = _gauss(x * x) - mean_x * mean_x
            variance_y = _gauss(y * y) - mean_y * mean_y
            covariance = _gauss(x * y) - mean_x * mean_y
            contrast = _contrast(variance_x, variance_y, covariance, 1.0)
            last = scale == len(SCALES) - 1
            term = (_luminance(mean_x, mean_y, 1.0) * contrast if last else contrast).mean()
            product *= max(float(term), 0.0) ** weight
        values.append(product)
    return float(np.mean(values))


def _luminance(x: Array, y: Array, data_range: float = 255.0) -> Array:
    constant = (K1 * data_range) ** 2
    return np.asarray((2 * x * y + constant) / (x * x + y * y + constant))


def _contrast(x: Array, y: Array, both: Array, data_range: float = 255.0) -> Array:
    constant = (K2 * data_range) ** 2
    return np.asarray((2 * both + constant) / (x + y + constant))


def _box(plane: Array) -> Array:
    return np.asarray(cv2.boxFilter(plane, cv2.CV_64F, (WINDOW, WINDOW), borderType=cv2.BORDER_REFLECT_101))


def _gauss(plane: Array) -> Array:
    blurred = cv2.GaussianBlur(plane, (MS_WINDOW, MS_WINDOW), MS_SIGMA, borderType=cv2.BORDER_REFLECT_101)
    pad = MS_WINDOW // 2
    return np.asarray(blurred[pad:-pad, pad:-pad])


def _halved(plane: Array) -> Array:
    """Mean of 2 x 2 pixels; an odd side is first filled up with zeros on both ends, as piq does."""
    height, width = plane.shape
    pad = max(height % 2, width % 2)
    if pad:
        plane = np.pad(plane, pad)
    height, width = plane.shape[0] // 2 * 2, plane.shape[1] // 2 * 2
    return np.asarray(plane[:height, :width].reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3)))
