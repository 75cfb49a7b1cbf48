"""Structural similarity, SSIM and MS-SSIM.

Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to structural similarity", IEEE TIP
13(4), 2004; multi-scale: Wang, Simoncelli, Bovik, Asilomar 2003.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidkit.measures.ssim_kernels import BOX, CHANNELS, GAUSS, as_units, gaussian, halve, uniform
from deidkit.protocols import Image

K1, K2 = 0.01, 0.03
WINDOW = BOX
"""Side of the uniform window of SSIM (scikit-image's default)."""

SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Weights of the five scales of MS-SSIM."""

MS_WINDOW, MS_SIGMA = GAUSS, 1.5
_STRIP = 64
"""Rows that are turned into floats at once: they stay in the second-level cache, and nothing is held for a picture."""

MS_SHORTEST_SIDE = (MS_WINDOW - 1) * 2 ** (len(SCALES) - 1) + 1
"""The fifth scale of a smaller picture is smaller than the window."""


def ssim_map(original: Image, output: Image) -> NDArray[np.float64]:
    """SSIM at every pixel, mean over the channels.

    Uniform 7 x 7 window, sample covariance, data range 255: scikit-image's defaults with ``channel_axis=-1``.

    Args:
        original: (h, w, 3) uint8, both sides at least 7.
        output: The same shape.

    Returns:
        (h - 6, w - 6) float64 in -1..1: where the window lies inside of the picture.
    """
    height, width = original.shape[:2]
    similarity = np.empty((height - WINDOW + 1, width - WINDOW + 1))
    constants = ((K1 * 255) ** 2, (K2 * 255) ** 2)
    uniform(_rows(original), _rows(output), constants, similarity)
    return similarity


def ms_ssim(original: Image, output: Image) -> float:
    """Multi-scale SSIM, as the program ``piq`` 0.8 computes it: Gaussian window 11 x 11 of 1.5, five scales.

    Args:
        original: (h, w, 3) uint8, both sides at least 161.
        output: The same shape.

    Returns:
        In 0..1: the mean over channels of the weighted product over scales, negative terms taken as 0.
    """
    x: NDArray[Any] = original
    y: NDArray[Any] = output
    product = np.ones(CHANNELS)
    for scale, weight in enumerate(SCALES):
        if scale:
            x, y = _halved(x), _halved(y)
        height, width = x.shape[0] - MS_WINDOW + 1, x.shape[1] - MS_WINDOW + 1
        sums = np.zeros(width * CHANNELS)
        for top in range(0, height, _STRIP):
            rows = slice(top, min(top + _STRIP, height) + MS_WINDOW - 1)
            gaussian(_units(x[rows]), _units(y[rows]), (K1**2, K2**2), scale == len(SCALES) - 1, sums)
        mean = sums.reshape(-1, CHANNELS).mean(axis=0) / height
        product *= np.maximum(mean, 0.0) ** weight
    return float(product.mean())


def _rows(picture: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(picture).reshape(picture.shape[0], -1)


def _units(picture: NDArray[Any]) -> NDArray[np.float32]:
    """Rows of pixels as values of 0..1, which floats are already."""
    rows = _rows(picture)
    if rows.dtype == np.float32:
        return rows
    units = np.empty(rows.shape, np.float32)
    as_units(rows.reshape(-1), units.reshape(-1))
    return units


def _halved(picture: NDArray[Any]) -> NDArray[np.float32]:
    """Mean of 2 x 2 pixels; where a side is odd, the first row and column are repeated first, as piq does."""
    if picture.shape[0] % 2 or picture.shape[1] % 2:
        picture = np.pad(picture, ((1, 0), (1, 0), (0, 0)), mode="edge")
    halved = np.empty((picture.shape[0] // 2, picture.shape[1] // 2, CHANNELS), np.float32)
    for top in range(0, len(halved), _STRIP):
        part = halved[top : top + _STRIP]
        halve(_units(picture[2 * top : 2 * (top + len(part))]), _rows(part))
    return halved
