"""Detection of copies whose pixels are a permutation of the original's."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import Image


def has_the_same_pixels(original: Image, copy: Image) -> bool:
    """Whether a copy holds every colour exactly as often as its original.

    Outside of the shuffled area both are the same, so that whole pictures can be compared, wherever the palm is. No
    engine that synthesizes a palm gets there by chance, nor does one that matches the histogram of each channel.

    Args:
        original: (height, width, 3) uint8.
        copy: The same, of any size.
    """
    if original.size != copy.size or cv2.sumElems(original) != cv2.sumElems(copy):  # integers, so exact
        return False
    return bool(np.array_equal(np.sort(_colours(original)), np.sort(_colours(copy))))


def _colours(picture: Image) -> NDArray[np.uint32]:
    red, green, blue = np.moveaxis(picture.astype(np.uint32), 2, 0)
    return np.asarray((red << 16 | green << 8 | blue).ravel(), np.uint32)
