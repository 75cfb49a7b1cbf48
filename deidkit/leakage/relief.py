"""Relief of a region: what is left of a picture without its shading, and how much of it another picture shares."""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
"""One channel of a picture: shape (height, width), dtype float32, grey levels."""

FINEST, DETAIL, SHADING = 0.8, 6.0, 16.0
"""Standard deviations, in pixels of a region that is 128 long, of the Gaussians between which the bands lie."""

SMALL_DETAIL = 3.0
"""The same as `DETAIL` for regions that are 64 or 32 pixels long; a narrower band would bear no half pixel of shift."""

STEEPEST = 6.0
"""Relief, in medians of its absolute value, at which it is cut off."""

MINIMUM_TEXTURE = 0.05
"""Standard deviation of a relief in grey levels below which there is nothing to compare: a filled region."""


def blurred(plane: Plane, sigma: float) -> Plane:
    """Gaussian blur that ends at four standard deviations."""
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101), dtype=np.float32)


def clipped(relief: Plane) -> Plane:
    """A relief whose few high edges, as those of a black border, do not outweigh all the rest."""
    limit = np.float32(STEEPEST * median(np.abs(relief[::3, ::3])))
    return np.asarray(relief.clip(-limit, limit), dtype=np.float32) if limit > 0 else relief


def median(values: NDArray[np.floating]) -> float:
    """As `numpy.median` has it, which takes ten times as long over so few values; so does partitioning them."""
    ordered, middle = np.sort(values, axis=None), values.size // 2
    return float(ordered[middle] if values.size % 2 else (ordered[middle - 1] + ordered[middle]) / np.float32(2))


def relief(plane: Plane) -> Plane:
    """Detail of a whole picture in which a palm is 64 or 32 pixels long."""
    return clipped(np.asarray(blurred(plane, FINEST) - blurred(plane, SMALL_DETAIL), dtype=np.float32))


EVENED, UNEVEN = 4.0, 0.3
"""Standard deviation, in pixels, of the surroundings whose contrast is made even, and what is added to this contrast in
grey levels, so that noise on a flat ground is not blown up."""


def evened(relief: Plane) -> Plane:
    """A relief whose contrast is about the same everywhere, so that edges outweigh creases no more."""
    return np.asarray(relief / (np.sqrt(blurred(relief * relief, EVENED)) + UNEVEN), dtype=np.float32)


class Region:
    """Where a relief counts; pixels outside of it have no influence on the bands inside.

    Args:
        mask: (h, w) bool, at least one True.
    """

    def __init__(self, mask: NDArray[np.bool_]) -> None:
        self.mask = mask
        self.weight = mask.astype(np.float32)
        self.count = int(np.count_nonzero(mask))
        self._norms: dict[float, Plane] = {}

    def detail(self, plane: Plane, coarsest: float = DETAIL) -> Plane:
        """Creases and wrinkles of a plane of the mask's shape: mean zero in the region, zero outside of it."""
        return self.centred(self.smooth(plane, FINEST) - self.smooth(plane, coarsest))

    def evened(self, plane: Plane) -> Plane:
        """Detail, for regions that are 64 pixels long, whose contrast is about the same everywhere."""
        relief = (self.smooth(plane, FINEST) - self.smooth(plane, SMALL_DETAIL)) * self.weight
        return np.asarray(
            relief / (np.sqrt(self.smooth(relief * relief, EVENED)) + UNEVEN) * self.weight, dtype=np.float32
        )

    def smooth(self, plane: Plane, sigma: float) -> Plane:
        """A plane blurred within the region."""
        if sigma not in self._norms:
            self._norms[sigma] = np.maximum(blurred(self.weight, sigma), 1e-3)
        return np.asarray(blurred(plane * self.weight, sigma) / self._norms[sigma], dtype=np.float32)

    def centred(self, plane: Plane) -> Plane:
        """A band without its few high edges: mean zero in the region, zero outside of it."""
        plane = clipped(plane)
        mean = float((plane * self.weight).sum()) / self.count
        return np.asarray((plane - mean) * self.weight, dtype=np.float32)


class Bands:
    """What a plane shows in a region at the scale where it is measured; what the bands share is blurred once.

    Args:
        region: Where it counts.
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
        """What is coarser."""
        return self._region.centred(self._between - self._region.smooth(self._plane, SHADING))

    @cached_property
    def _between(self) -> Plane:
        return self._region.smooth(self._plane, DETAIL)


def correlation(one: Plane, other: Plane, count: int) -> float:
    """Pearson correlation, -1..1, of two planes of mean zero; 0 where one of them is flat.

    Args:
        one: (h, w) float32, zero outside of the region.
        other: The same.
        count: Pixels in the region.
    """
    norms = norm(one), norm(other)
    if min(norms) < MINIMUM_TEXTURE * np.sqrt(count):
        return 0.0
    return float(np.vdot(one, other)) / (norms[0] * norms[1])


def likeness(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Pearson correlation, -1..1, of two sets of values; 0 where one of them is the same everywhere.

    Args:
        one: (n,) float32.
        other: (n,) float32.
    """
    one, other = one - one.mean(), other - other.mean()
    norms = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / norms if norms > 1e-6 else 0.0


def norm(plane: Plane) -> float:
    """As `numpy.linalg.norm` has it, which takes several times as long over so few values."""
    return float(np.sqrt(np.vdot(plane, plane)))


def gain(one: Plane, other: Plane) -> float:
    """Least-squares factor that takes `one` to `other`; 0 where `one` is flat."""
    energy = float(np.vdot(one, one))
    return float(np.vdot(one, other)) / energy if energy > 0 else 0.0
