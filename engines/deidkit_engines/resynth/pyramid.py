"""Laplacian pyramid (Burt & Adelson, "The Laplacian pyramid", IEEE Trans. Commun. 31(4):532, 1983)."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import Mask

Layer = NDArray[np.float32]
"""(h, w) float32."""
Layers = NDArray[np.float32]
"""(h, w, 3) float32: logarithms of colour, or differences of them."""

PLANES = np.array([[1 / 3, 1 / 3, 1 / 3], [1, -1, 0], [0, -1, 1]], np.float32)
"""Rows that turn logarithms of colour into lightness, red minus green, and blue minus green."""
COLOURS = np.linalg.inv(PLANES).astype(np.float32)
"""The inverse of `PLANES`."""

COARSEST = 0.7
"""Longest wavelength of a relief, in palm widths; anything longer belongs to the base."""


def planes_of(colours: Layers) -> Layers:
    """(h, w, 3) lightness and colour differences of colours, by `PLANES`."""
    return np.asarray(cv2.transform(colours, PLANES), np.float32)


def colours_of(planes: Layers) -> Layers:
    """The inverse of `planes_of`."""
    return np.asarray(cv2.transform(planes, COLOURS), np.float32)


def lightness_of(colours: Layers) -> Layer:
    """(h, w) lightness of (h, w, 3) colours."""
    return np.asarray(cv2.transform(colours, PLANES[:1]), np.float32)


def pyramid(values: Layers, width: float) -> list[Layers]:
    """Octaves of a picture from the finest to `COARSEST`, followed by the low-pass residual.

    Args:
        values: (h, w) or (h, w, 3) float32.
        width: Palm width in pixels.
    """
    wanted = math.ceil(math.log2(max(COARSEST * width / 2, 2)))
    bands = []
    for _ in range(wanted):
        if min(values.shape[:2]) < 4:
            break
        coarse = cv2.pyrDown(values)
        bands.append(np.asarray(values - cv2.pyrUp(coarse, dstsize=values.shape[1::-1]), np.float32))
        values = np.asarray(coarse, np.float32)
    return [*bands, values]


def level_masks(mask: Mask, levels: int) -> list[Mask]:
    """A mask at the sizes of the octaves: True where more than three quarters of the pixels are."""
    masks = [mask]
    while len(masks) < levels:
        masks.append(np.asarray(cv2.pyrDown(masks[-1].astype(np.float32)) > 0.75))
    return masks[:levels]
