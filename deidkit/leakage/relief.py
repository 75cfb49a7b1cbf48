"""Relief of a picture, that is its detail without shading, and correlation of reliefs."""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
"""One channel of a picture: shape (height, width), dtype float32, grey levels."""

FINEST, DETAIL, SHADING = 0.8, 6.0, 16.0
"""Standard deviations of the Gaussians that separate the bands, in pixels of a region 128 pixels long."""

SMALL_DETAIL = 3.0
"""`DETAIL` for regions 64 or 32 pixels long; a narrower band would not tolerate a shift of half a pixel."""

CLIPPING = 6.0
"""Clipping level of a relief, in multiples of its median absolute value."""

MINIMUM_TEXTURE = 0.05
"""Standard deviation in grey levels below which a relief is empty, as in a filled region."""


def blurred(plane: Plane, sigma: float) -> Plane:
    """Gaussian blur with mirrored borders."""
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101), dtype=np.float32)


def clipped(relief: Plane) -> Plane:
    """Clip a relief, so that a few strong edges, such as a black border, do not dominate."""
    limit = np.float32(CLIPPING * median(np.abs(relief[::3, ::3])))
    return np.asarray(relief.clip(-limit, limit), dtype=np.float32) if limit > 0 else relief


def median(values: NDArray[np.floating]) -> float:
    """`numpy.median`, but ten times as fast for few values."""
    ordered, middle = np.sort(values, axis=None), values.size // 2
    return float(ordered[middle] if values.size % 2 else (ordered[middle - 1] + ordered[middle]) / np.float32(2))


def relief(plane: Plane) -> Plane:
    """Detail of a whole picture in which a palm is 64 or 32 pixels long."""
    return clipped(np.asarray(blurred(plane, FINEST) - blurred(plane, SMALL_DETAIL), dtype=np.float32))


CONTRAST_SIGMA, CONTRAST_FLOOR = 4.0, 0.3
"""Standard deviation, in pixels, of the window for local contrast, and grey levels added to it, so that noise in flat
areas is not amplified."""


def evened(relief: Plane) -> Plane:
    """Normalise the local contrast of a relief, so that edges do not outweigh creases."""
    return np.asarray(relief / (np.sqrt(blurred(relief * relief, CONTRAST_SIGMA)) + CONTRAST_FLOOR), dtype=np.float32)


class Region:
    """Mask of a relief; pixels outside of it have no influence on the bands inside.

    Args:
        mask: (h, w) bool, at least one True.
    """

    def __init__(self, mask: NDArray[np.bool_]) -> None:
        self.mask = mask
        self.weight = mask.astype(np.float32)
        self.count = int(np.count_nonzero(mask))
        self._norms: dict[float, Plane] = {}

    def detail(self, plane: Plane, coarsest: float = DETAIL) -> Plane:
        """Creases and wrinkles of a plane of the mask's shape: mean 0 in the region, 0 outside of it."""
        return self.centred(self.smooth(plane, FINEST) - self.smooth(plane, coarsest))

    def evened(self, plane: Plane) -> Plane:
        """Detail with normalised local contrast, for regions 64 pixels long."""
        relief = (self.smooth(plane, FINEST) - self.smooth(plane, SMALL_DETAIL)) * self.weight
        return np.asarray(
            relief / (np.sqrt(self.smooth(relief * relief, CONTRAST_SIGMA)) + CONTRAST_FLOOR) * self.weight,
            dtype=np.float32,
        )

    def smooth(self, plane: Plane, sigma: float) -> Plane:
        """Gaussian blur of a plane within the region."""
        if sigma not in self._norms:
            self._norms[sigma] = np.maximum(blurred(self.weight, sigma), 1e-3)
        return np.asarray(blurred(plane * self.weight, sigma) / self._norms[sigma], dtype=np.float32)

    def centred(self, plane: Plane) -> Plane:
        """A clipped band: mean 0 in the region, 0 outside of it."""
        plane = clipped(plane)
        mean = float((plane * self.weight).sum()) / self.count
        return np.asarray((plane - mean) * self.weight, dtype=np.float32)


class Bands:
    """Frequency bands of a plane in a region at the scale of measurement; common blurs are computed once.

    Args:
        region: The compared pixels.
        plane: (h, w) float32 grey values.
    """

    def __init__(self, region: Region, plane: Plane) -> None:
        self._region, self._plane = region, plane

    @cached_property
    def detail(self) -> Plane:
        """Creases and wrinkles."""
        return self._region.centred(self._region.smooth(self._plane, FINEST) - self._between)

    @cached_property
    def shading(self) -> Plane:
        """Coarser structure: light and shade."""
        return self._region.centred(self._between - self._region.smooth(self._plane, SHADING))

    @cached_property
    def _between(self) -> Plane:
        return self._region.smooth(self._plane, DETAIL)


def correlation(one: Plane, other: Plane, count: int) -> float:
    """Pearson correlation, -1..1, of two planes of mean 0; 0 if one of them is flat.

    Args:
        one: (h, w) float32, 0 outside of the region.
        other: The same.
        count: Pixels in the region.
    """
    norms = norm(one), norm(other)
    if min(norms) < MINIMUM_TEXTURE * np.sqrt(count):
        return 0.0
    return float(np.vdot(one, other)) / (norms[0] * norms[1])


def likeness(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Pearson correlation, -1..1, of two vectors; 0 if one of them is constant.

    Args:
        one: (n,) float32.
        other: (n,) float32.
    """
    one, other = one - one.mean(), other - other.mean()
    norms = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / norms if norms > 1e-6 else 0.0


def norm(plane: Plane) -> float:
    """`numpy.linalg.norm`, but several times as fast for few values."""
    return float(np.sqrt(np.vdot(plane, plane)))


def gain(one: Plane, other: Plane) -> float:
    """Least-squares gain from `one` to `other`; 0 if `one` is flat."""
    energy = float(np.vdot(one, one))
    return float(np.vdot(one, other)) / energy if energy > 0 else 0.0
