"""Share of the recognized region that an engine left unchanged."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.errors import SampleError
from deidkit.hand.palm import filled
from deidkit.protocols import Image


def unchanged_share(roi_corners: NDArray[np.float32], original: Image, copy: Image) -> float:
    """Share of the pixels of a region of interest that are bit-identical in a copy and its original.

    A change may leave single pixels unchanged by chance; a recompressed copy has no unchanged pixels although the palm
    is visible.

    Args:
        roi_corners: (4, 2) x y in pixels, of the original's hand.
        original: (height, width, 3) uint8.
        copy: Of the same size.

    Returns:
        0 to 1, over the part of the region that lies in the picture.

    Raises:
        SampleError: No pixel of the region lies in the picture, or the sizes differ.
    """
    if original.shape != copy.shape:
        raise SampleError("the copy does not have the original's size")
    region = filled(np.asarray(roi_corners, np.float32), (original.shape[0], original.shape[1]))
    if not region.any():
        raise SampleError("the palm region lies outside the picture")
    x, y, width, height = cv2.boundingRect(region.view(np.uint8))
    part = slice(y, y + height), slice(x, x + width)
    changed = np.bitwise_or.reduce(cv2.absdiff(original[part], copy[part]), axis=2)
    return float((changed == 0)[region[part]].mean())
