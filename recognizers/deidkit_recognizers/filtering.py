"""Filtering of a palm ROI, zero outside of it, and sampling of the responses."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import GreyImage
from deidkit_recognizers.code_grid import STEP


def filtered(picture: NDArray[np.float64], kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convolve a picture by a kernel of odd sides, with zeros outside of it; the result has its size."""
    turned = np.ascontiguousarray(kernel[::-1, ::-1])  # OpenCV correlates
    response = cv2.filter2D(picture, cv2.CV_64F, turned, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(response, dtype=np.float64)


def responses(
    picture: NDArray[np.float64], kernels: NDArray[np.float64], found: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """(k, h, w) float64: the picture filtered by each of (k, odd, odd) kernels, to the bit as `filtered` does it.

    OpenCV multiplies spectra where a kernel is not small. Here the picture's is made once, and the kernels' are kept.

    Args:
        picture: (h, w).
        kernels: (k, odd, odd).
        found: Where to write the result: memory that is new for each picture takes a fifth of the time of a template.
    """
    height, width = picture.shape
    rows, across = kernels.shape[1:]
    if rows * across < _LARGE or max(height, width) > _ONE_TILE:
        return np.stack([filtered(picture, kernel) for kernel in kernels], out=found)
    size = cv2.getOptimalDFTSize(height + rows - 1), cv2.getOptimalDFTSize(width + across - 1)
    tile = np.zeros(size)
    tile[rows // 2 : rows // 2 + height, across // 2 : across // 2 + width] = picture
    spectrum = cv2.dft(tile)
    found = np.empty((len(kernels), height, width)) if found is None else found
    for response, of_kernel in zip(found, _spectra(kernels.tobytes(), kernels.shape, size), strict=True):
        cv2.mulSpectrums(spectrum, of_kernel, 0, tile, conjB=True)
        cv2.dft(tile, tile, cv2.DFT_INVERSE | cv2.DFT_SCALE, height)
        response[:] = tile[:height, :width]
    return found


def sampled_responses(picture: NDArray[np.float64], kernels: NDArray[np.float64]) -> NDArray[np.float64]:
    """(k, h / 4, w / 4) float64: `sampled` of `responses`, without computing the others.

    Sums are added up in another order, so that the two agree to the last digits and not beyond.
    """
    from deidkit_recognizers.filtering_kernels import TOGETHER

    together = TOGETHER if len(kernels) > 2 else 1
    found = _sampled(picture[None], kernels, together)
    return found.reshape(-1, *found.shape[2:])[: len(kernels)]


def sampled_each(pictures: NDArray[np.float64], kernels: NDArray[np.float64]) -> NDArray[np.float64]:
    """(k, h / 4, w / 4) float64: `sampled_responses` of each of (k, h, w) pictures to a kernel of its own."""
    return _sampled(pictures, kernels, 1)[:, 0]


def _sampled(pictures: NDArray[np.float64], kernels: NDArray[np.float64], together: int) -> NDArray[np.float64]:
    """(groups, together, h / 4, w / 4): all kernels on one picture, or one on each."""
    from deidkit_recognizers.filtering_kernels import LANES, filter_sampled

    height, width = pictures.shape[1:]
    lanes = -(-width // (STEP * LANES)) * LANES
    offsets, weights = _in_order(kernels.tobytes(), kernels.shape, together, height, lanes)
    found = np.empty((len(weights), together, -(-height // STEP), lanes))
    filter_sampled(pictures, kernels.shape[1:], offsets, weights, found)
    return found[..., : -(-width // STEP)]


_LARGE, _ONE_TILE = 121, 200
"""Weights of a kernel from which OpenCV multiplies spectra, and longest side of a picture it takes whole."""


@lru_cache(maxsize=16)
def _spectra(kernels: bytes, shape: tuple[int, int, int], size: tuple[int, int]) -> list[NDArray[np.float64]]:
    found = []
    for kernel in np.frombuffer(kernels).reshape(shape):
        tile = np.zeros(size)
        tile[: shape[1], : shape[2]] = kernel[::-1, ::-1]
        found.append(np.asarray(cv2.dft(tile, nonzeroRows=shape[1]), dtype=np.float64))
    return found


@lru_cache(maxsize=64)
def _in_order(
    kernels: bytes, shape: tuple[int, int, int], together: int, height: int, lanes: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Offsets and weights as `filter_sampled` takes them, in the order in which they are added up.

    Args:
        kernels: The kernels' float64 values.
        shape: (k, rows, columns) of them.
        together: Kernels in a group; the last one is filled up with zeros.
        height: Of the picture.
        lanes: Responses in a row.
    """
    row, column = np.mgrid[: shape[1], : shape[2]].reshape(2, -1)
    order = np.lexsort((column // STEP, column % STEP, row))
    row, column = row[order], column[order]
    line = lanes + -(-shape[2] // STEP)
    offsets = (column % STEP * (height + shape[1] - 1) + row) * line + column // STEP
    weights = np.zeros((-(-shape[0] // together) * together, len(order)))
    weights[: shape[0]] = np.frombuffer(kernels).reshape(shape)[:, ::-1, ::-1].reshape(shape[0], -1)[:, order]
    grouped = weights.reshape(-1, together, len(order)).transpose(0, 2, 1)
    return offsets.astype(np.int64), np.ascontiguousarray(grouped)


def sampled(planes: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., h, w) -> (..., h / 4, w / 4)."""
    return planes[..., ::STEP, ::STEP]


def as_float(images: Sequence[GreyImage]) -> list[NDArray[np.float64]]:
    """The ROIs as float64, values as they are."""
    return [np.asarray(image, dtype=np.float64) for image in images]
