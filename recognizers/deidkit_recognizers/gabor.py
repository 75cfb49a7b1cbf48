"""Neurophysiology-motivated Gabor filters, the common ground of the coding recognizers."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SIZE = 17
"""Side of the kernels in pixels, as both published programs have it."""


@lru_cache(maxsize=32)
def bank(orientations: int, frequency: float, kappa: float) -> NDArray[np.float64]:
    """Real Gabor filters of mean zero.

    G(x, y) = w / (sqrt(2 pi) k) exp(-w^2 (4 x'^2 + y'^2) / (8 k^2)) (cos(w x') - exp(-k^2 / 2)) with x' and y' turned
    by t = n pi / orientations; x runs along rows (Lee 1996; Kong and Zhang, ICPR 2004).

    Args:
        orientations: How many.
        frequency: w, radial frequency in radians a pixel.
        kappa: k, from the half-amplitude bandwidth.

    Returns:
        (orientations, 17, 17) float64, read-only.
    """
    half = SIZE // 2
    x, y = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float64)
    filters = []
    for number in range(orientations):
        angle = number * math.pi / orientations
        along = x * math.cos(angle) + y * math.sin(angle)
        across = y * math.cos(angle) - x * math.sin(angle)
        envelope = np.exp(-(frequency**2) * (4 * along**2 + across**2) / (8 * kappa**2))
        wave = np.cos(frequency * along) - math.exp(-(kappa**2) / 2)
        kernel = frequency / (math.sqrt(2 * math.pi) * kappa) * envelope * wave
        filters.append(kernel - kernel.mean())
    kernels = np.stack(filters)
    kernels.flags.writeable = False
    return kernels


@lru_cache(maxsize=1)
def line_filters() -> NDArray[np.float64]:
    """(6, 17, 17) The filters of competitive coding, whose response is large where a line is bright."""
    return -bank(6, 0.5, 2.0)


@lru_cache(maxsize=8)
def complex_kernel(angle: float) -> NDArray[np.complex128]:
    """The circular complex Gabor filter of PalmCode and FusionCode, of mean zero.

    G(x, y) = exp(-(x^2 + y^2) / (2 s^2)) / (2 pi s^2) exp(2 pi i u (x cos t + y sin t)) with u = 0.0916 cycles a pixel
    and s = 5.6179 pixels, t the angle in radians; x runs along rows (Zhang, Kong, You, Wong, TPAMI 25, 2003).

    Returns:
        (17, 17) complex128, read-only.
    """
    half, frequency, sigma = SIZE // 2, 0.0916, 5.6179
    x, y = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float64)
    envelope = np.exp(-(x**2 + y**2) / (2 * sigma**2)) / (2 * math.pi * sigma**2)
    kernel: NDArray[np.complex128] = envelope * np.exp(
        2j * math.pi * frequency * (x * math.cos(angle) + y * math.sin(angle))
    )
    kernel -= kernel.mean()
    kernel.flags.writeable = False
    return kernel
