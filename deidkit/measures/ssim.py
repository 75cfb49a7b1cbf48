"""Structural similarity, SSIM and MS-SSIM.

Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to structural similarity", IEEE TIP
13(4), 2004; multi-scale: Wang, Simoncelli, Bovik, Asilomar 2003.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.measures.ms_ssim_kernels import GAUSS, SIGMA, SPARE, as_units, gaussian, halve
from deidkit.measures.ssim_kernels import BOX, CHANNELS, uniform
from deidkit.protocols import Image

K1, K2 = 0.01, 0.03
WINDOW = BOX
"""Side of the uniform window of SSIM (scikit-image's default)."""

SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Weights of the five scales of MS-SSIM."""

MS_WINDOW, MS_SIGMA = GAUSS, SIGMA
_STRIP = 64
"""Rows converted to floats at once: few enough for the L2 cache, and no buffer for the whole picture is needed."""

MS_SHORTEST_SIDE = (MS_WINDOW - 1) * 2 ** (len(SCALES) - 1) + 1
"""Minimum side in pixels: the fifth scale of a smaller picture would be smaller than the window."""


def ssim_map(original: Image, output: Image) -> NDArray[np.float64]:
    """SSIM at every pixel, mean over the channels.

    Uniform 7 x 7 window, sample covariance, data range 255: scikit-image's defaults with ``channel_axis=-1``.

    Args:
        original: (h, w, 3) uint8, both sides at least 7.
        output: The same shape.

    Returns:
        (h - 6, w - 6) float64 in -1..1, for windows entirely within the picture.
    """
    height, width = original.shape[:2]
    similarity = np.ones((height - WINDOW + 1, width - WINDOW + 1))  # the very number where both are the same
    rows, columns = _changed(original, output)
    if rows.stop > rows.start:
        original, output = (_rows(picture[rows, columns]) for picture in (original, output))
        place = slice(rows.start, rows.stop - WINDOW + 1), slice(columns.start, columns.stop - WINDOW + 1)
        found = np.empty((place[0].stop - place[0].start, place[1].stop - place[1].start))
        uniform(original, output, ((K1 * 255) ** 2, (K2 * 255) ** 2), found)
        similarity[place] = found
    return similarity


def _changed(original: Image, output: Image) -> tuple[slice, slice]:
    """Rows and columns of all windows that hold a difference; empty where there is none."""
    height, width = original.shape[:2]
    differences = cv2.absdiff(original, output).reshape(height, -1)
    left, top, across, down = cv2.boundingRect(differences)
    right = (left + across - 1) // CHANNELS + 1
    reach = WINDOW - 1
    rows = slice(max(0, top - reach), min(height, top + down + reach))
    columns = slice(max(0, left // CHANNELS - reach), min(width, right + reach))
    return (rows, columns) if across else (slice(0, 0), slice(0, 0))


def ms_ssim(original: Image, output: Image) -> float:
    """Multi-scale SSIM, as the program ``piq`` 0.8 computes it: Gaussian window 11 x 11 of 1.5, five scales.

    Args:
        original: (h, w, 3) uint8, both sides at least 161.
        output: The same shape.

    Returns:
        In 0..1: the mean over channels of the weighted product over scales, negative terms taken as 0.
    """
    x, y = _Scale.of(original), _Scale.of(output)
    product = np.ones(CHANNELS)
    for scale, weight in enumerate(SCALES):
        if scale:
            x, y = x.halved(), y.halved()
        height, width = x.height - MS_WINDOW + 1, x.width - MS_WINDOW + 1
        sums = np.zeros(width * CHANNELS)
        for top in range(0, height, _STRIP):
            rows = min(_STRIP, height - top) + MS_WINDOW - 1
            gaussian(x.rows(top, rows), y.rows(top, rows), rows, (K1**2, K2**2), scale == len(SCALES) - 1, sums)
        mean = sums.reshape(-1, CHANNELS).mean(axis=0) / height
        product *= np.maximum(mean, 0.0) ** weight
    return min(float(product.mean()), 1.0)  # rounding


class _Scale:
    """A picture at one scale, converted to floats some rows at a time.

    Args:
        height: In pixels.
        width: In pixels.
        pixels: (h * w * 3,) uint8, or (h * w * 3 + SPARE,) float32 in -0.5..0.5.
    """

    def __init__(self, height: int, width: int, pixels: NDArray[Any]) -> None:
        self.height, self.width, self._pixels = height, width, pixels
        self._strip = np.empty((_STRIP + MS_WINDOW - 1) * width * CHANNELS + SPARE, np.float32)

    @classmethod
    def of(cls, picture: Image) -> _Scale:
        """Make the first scale of a (h, w, 3) uint8 picture."""
        return cls(picture.shape[0], picture.shape[1], np.ascontiguousarray(picture).reshape(-1))

    def rows(self, first: int, count: int) -> NDArray[np.float32]:
        """Rows as values in -0.5..0.5, with at least `SPARE` values beyond; valid until the next call."""
        line = self.width * CHANNELS
        if self._pixels.dtype == np.float32:
            return self._pixels[first * line :]
        as_units(self._pixels[first * line : (first + count) * line], self._strip)
        return self._strip

    def halved(self) -> _Scale:
        """Downsample by averaging 2 x 2 pixels; for an odd side, first row and column are duplicated, as in piq."""
        whole = self._repeated() if self.height % 2 or self.width % 2 else self
        height, width = whole.height // 2, whole.width // 2
        line = width * CHANNELS
        halved = np.empty(height * line + SPARE, np.float32)
        for top in range(0, height, _STRIP // 2):
            count = min(_STRIP // 2, height - top)
            halve(whole.rows(2 * top, 2 * count), whole.width, count, halved[top * line :])
        return _Scale(height, width, halved)

    def _repeated(self) -> _Scale:
        count = self.height * self.width * CHANNELS
        picture = self._pixels[:count].reshape(self.height, self.width, CHANNELS)
        padded = np.pad(picture, ((1, 0), (1, 0), (0, 0)), mode="edge")
        spare = 0 if picture.dtype == np.uint8 else SPARE
        return _Scale(padded.shape[0], padded.shape[1], np.pad(padded.reshape(-1), (0, spare)))


def _rows(picture: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(picture).reshape(picture.shape[0], -1)
