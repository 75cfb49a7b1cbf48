"""Filtering of a palm ROI, zero outside of it, and sampling of the responses."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import ROI_SIZE, GreyImage

STEP = 4
"""Every fourth response in rows and columns is coded."""

SIDE = ROI_SIZE // STEP
"""Side of a code: 32."""


def filtered(picture: NDArray[np.float64], kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convolve, with zeros outside of the picture; the result has the picture's size.

    Args:
        picture: (h, w) float64.
        kernel: (odd, odd) float64.
    """
    turned = np.ascontiguousarray(kernel[::-1, ::-1])  # OpenCV correlates
    response = cv2.filter2D(picture, cv2.CV_64F, turned, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(response, dtype=np.float64)


def responses(picture: NDArray[np.float64], kernels: NDArray[np.float64]) -> NDArray[np.float64]:
    """(k, h, w) float64: the picture filtered by each of (k, odd, odd) kernels."""
    return np.stack([filtered(picture, kernel) for kernel in kernels])


def sampled_responses(picture: NDArray[np.float64], kernels: NDArray[np.float64]) -> NDArray[np.float64]:
    """(k, h / 4, w / 4) float64: `sampled` of `responses`, without computing the others.

    Sums are added up in another order, so that the two agree to the last digits and not beyond.

    Args:
        picture: (h, w) float64.
        kernels: (k, odd, odd) float64.
    """
    from deidkit_recognizers.filtering_kernels import TAPS, filter_sampled

    height, width = picture.shape
    rows, across = kernels.shape[1:]
    groups = -(-across // (STEP * TAPS))
    padded = np.zeros((height + rows - 1, STEP * (-(-width // STEP) + groups * TAPS)))
    padded[rows // 2 : rows // 2 + height, across // 2 : across // 2 + width] = picture
    weights = np.zeros((len(kernels), rows, groups * TAPS * STEP))
    weights[:, :, :across] = kernels[:, ::-1, ::-1]
    by_remainder = weights.reshape(len(kernels), rows, groups, TAPS, STEP).transpose(0, 1, 4, 2, 3)
    found = np.zeros((len(kernels), -(-height // STEP), -(-width // STEP)))
    filter_sampled(_parted(padded), np.ascontiguousarray(by_remainder), STEP, found)
    return found


def _parted(picture: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.ascontiguousarray(picture.reshape(len(picture), -1, STEP).transpose(2, 0, 1))


def sampled(planes: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., h, w) -> (..., h / 4, w / 4)."""
    return planes[..., ::STEP, ::STEP]


def as_float(images: Sequence[GreyImage]) -> list[NDArray[np.float64]]:
    """The ROIs as float64, values as they are."""
    return [np.asarray(image, dtype=np.float64) for image in images]
