"""Properties of a whole picture that an engine can choose for each person: size, light, colour, noise, compression."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.leakage.sampling import grey
from deidkit.protocols import Image, Mask

STATISTICS = (
    "height",
    "width",
    "red",
    "red in parts of green",
    "blue in parts of green",
    "darkest twentieth",
    "lightest twentieth",
    "contrast",
    "colours",
    "levels",
    *(f"detail of {2**octave} pixels" for octave in range(4)),
    *(f"frequencies {band}" for band in ("1 to 2", "3 to 5", "6 to 8", "9 to 14")),
    *(f"frequencies {band} that are zero" for band in ("3 to 5", "6 to 8", "9 to 14")),
    "direction of edges, upright",
    "direction of edges, slanting",
)
"""What is measured, in order."""

_BLOCK = 8
"""Side of the blocks of JPEG."""

_ZERO = 0.6
"""Coefficient, in grey levels, that counts as none: rounding leaves 0.3."""

_ORDER = np.add.outer(np.arange(_BLOCK), np.arange(_BLOCK))
_BANDS = ((_ORDER > 0) & (_ORDER < 3), (_ORDER >= 3) & (_ORDER < 6), (_ORDER >= 6) & (_ORDER < 9), _ORDER >= 9)

_LARGEST = 256
"""Longest side of the part whose pixels are measured; of a larger palm the middle."""


def statistics(picture: Image, palm: Mask | None, size: tuple[int, int]) -> NDArray[np.float32]:
    """Measure a picture.

    Args:
        picture: (h, w, 3) uint8; a copy at its original's size.
        palm: (h, w) bool, where the original's palm is; None where it is not known.
        size: (height, width) of the picture as it came.

    Returns:
        (len(`STATISTICS`),) float32.
    """
    part = _middle(picture, palm)
    plane = grey(part).astype(np.float32)
    red, green, blue = 1 + part.reshape(-1, 3).mean(axis=0, dtype=np.float64)
    counts = np.cumsum(np.bincount(plane.astype(np.uint8).ravel(), minlength=256))
    dark, light = np.searchsorted(counts, np.array([0.05, 0.95]) * plane.size)
    flat = part[::2].reshape(-1, 3).astype(np.int32)
    colours = len(np.unique(flat[:, 0] << 16 | flat[:, 1] << 8 | flat[:, 2]))
    return np.array(
        [
            *np.log(size),
            *(red, np.log(red / green), np.log(blue / green), dark, light, plane.std()),
            *(np.log(colours), np.count_nonzero(np.diff(counts, prepend=0))),
            *_octaves(plane),
            *_frequencies(plane),
            *_directions(plane),
        ],
        np.float32,
    )


def _middle(picture: Image, palm: Mask | None) -> Image:
    """The palm's box, or the middle of one that is large, beginning at a block of JPEG."""
    sides = []
    for axis, length in ((1, picture.shape[0]), (0, picture.shape[1])):
        inside = np.arange(length) if palm is None or not palm.any() else np.flatnonzero(palm.any(axis=axis))
        low, high = int(inside[0]), int(inside[-1]) + 1
        if high - low > _LARGEST:
            low = (low + high - _LARGEST) // 2
            high = low + _LARGEST
        low = low // _BLOCK * _BLOCK
        sides.append(slice(low, max(high, min(low + _BLOCK, length))))
    return np.ascontiguousarray(picture[sides[0], sides[1]])


def _octaves(plane: NDArray[np.float32]) -> list[float]:
    """Mean detail, as a logarithm, at full size, half, quarter and eighth."""
    found = []
    for _ in range(4):
        smooth = cv2.GaussianBlur(plane, (0, 0), 1.0)
        found.append(float(np.log1p(np.abs(plane - smooth).mean())))
        half = max(1, plane.shape[1] // 2), max(1, plane.shape[0] // 2)
        plane = np.asarray(cv2.resize(smooth, half, interpolation=cv2.INTER_AREA), np.float32)
    return found


def _frequencies(plane: NDArray[np.float32]) -> list[float]:
    """Strength of cosines in the blocks of JPEG, and how many of them are none, as coarse compression has it."""
    from scipy import fft

    rows, columns = (length // _BLOCK for length in plane.shape)
    if not rows or not columns:
        return [0.0] * 7
    cut = plane[: rows * _BLOCK, : columns * _BLOCK].reshape(rows, _BLOCK, columns, _BLOCK).swapaxes(1, 2)
    sizes = np.abs(fft.dctn(cut, axes=(2, 3), norm="ortho", workers=1))
    strengths = [float(np.log1p(sizes[..., band]).mean()) for band in _BANDS]
    return [*strengths, *(float((sizes[..., band] < _ZERO).mean()) for band in _BANDS[1:])]


def _directions(plane: NDArray[np.float32]) -> tuple[float, float]:
    """Mean direction of edges, as twice the angle, weighted by their height."""
    across, down = (cv2.Sobel(plane, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    heights = np.hypot(across, down)
    total = max(float(heights.sum()), 1e-6)
    upright = (across**2 - down**2) / np.maximum(heights, 1e-6)
    slanting = 2 * across * down / np.maximum(heights, 1e-6)
    return float(upright.sum()) / total, float(slanting.sum()) / total
