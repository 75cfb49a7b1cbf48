"""Fast Gaussian noise for whole pictures, ten times faster than NumPy's."""

from __future__ import annotations

from statistics import NormalDist

import cv2
import numpy as np
from numpy.typing import NDArray

_QUANTILES = np.array([NormalDist().inv_cdf((level + 0.5) / 256) for level in range(256)], np.float32)
_QUANTILES /= _QUANTILES.std()


def normal_noise(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Approximately standard normal noise, quantized to 256 levels and limited to 2.9 standard deviations.

    Args:
        rng: Random generator.
        shape: (height, width).

    Returns:
        (height, width) float32.
    """
    return np.asarray(cv2.LUT(rng.integers(0, 256, shape, np.uint8), _QUANTILES), np.float32)
