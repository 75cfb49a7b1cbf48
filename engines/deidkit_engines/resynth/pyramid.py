"""Octaves of a picture (Burt & Adelson, "The Laplacian pyramid", IEEE Trans. Commun. 31(4):532, 1983)."""

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
"""Lightness, red less green and blue less green of logarithms of colour."""
COLOURS = np.linalg.inv(PLANES).astype(np.float32)

COARSEST = 0.7
"""Longest wavelength of a relief, in palm widths; what is longer is light and colour."""


def pyramid(values: Layers, width: float) -> list[Layers]:
    """Octaves of a picture, the finest first, down to `COARSEST`, and what is coarser.

    Args:
        values: (h, w) or (h, w, 3) float32.
        width: Of the palm in pixels.
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
    """A mask at the sizes of the octaves: True where nearly all pixels beneath are."""
    masks = [mask]
    while len(masks) < levels:
        masks.append(np.asarray(cv2.pyrDown(masks[-1].astype(np.float32)) > 0.75))
    return masks[:levels]
