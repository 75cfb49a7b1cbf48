"""How much of the region that recognizers read an engine left as it was."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.errors import SampleError
from deidkit.hand.palm import filled
from deidkit.protocols import Image, Mask


def untreated_share(roi_corners: NDArray[np.float32], palm: Mask) -> float:
    """Share of a region of interest that lies outside of the palm that engines treat.

    Args:
        roi_corners: (4, 2) x y in pixels, as a ROI rule gives them.
        palm: (height, width) bool, as `AnalyzedImage.palm_mask` gives it.

    Returns:
        0 (all of it is treated) to 1, over the part of the region that lies in the picture.

    Raises:
        SampleError: No pixel of the region lies in the picture.
    """
    return 1 - float(palm[_region(roi_corners, palm.shape)].mean())


def unchanged_share(roi_corners: NDArray[np.float32], original: Image, copy: Image) -> float:
    """Share of the pixels of a region of interest that are the same in a copy as in its original, to the last bit.

    Where `untreated_share` says what was intended, this says what was done, by any tool. A change may leave single
    pixels as they were by chance; a copy that was compressed again leaves none, though the palm can be seen.

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
    region = _region(roi_corners, original.shape[:2])
    x, y, width, height = cv2.boundingRect(region.view(np.uint8))
    part = slice(y, y + height), slice(x, x + width)
    changed = np.bitwise_or.reduce(cv2.absdiff(original[part], copy[part]), axis=2)
    return float((changed == 0)[region[part]].mean())


def _region(roi_corners: NDArray[np.float32], shape: tuple[int, ...]) -> Mask:
    region = filled(np.asarray(roi_corners, np.float32), (shape[0], shape[1]))
    if not region.any():
        raise SampleError("the palm region lies outside the picture")
    return region
