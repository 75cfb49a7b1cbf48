"""Random blotches of lightness and colour as coarse as a palm's mounds, at positions that belong to nobody."""

from __future__ import annotations

import cv2
import numpy as np

from deidkit.protocols import Mask
from deidkit_engines.resynth.base import average_of, depth_of, ramp, scaled, shrunk
from deidkit_engines.resynth.levels import standardized
from deidkit_engines.resynth.pyramid import Layers, colours_of, planes_of

WORKING_WIDTH = 48.0
"""Pixels per palm width at which clouds are generated; they hold no finer detail."""
FINEST = 0.15
"""Standard deviation, in palm widths, of the Gaussian that separates clouds from the finer relief."""
STRENGTH = 0.65
"""Amplitude relative to the hand's own; stronger clouds make a copy less similar to its picture."""
FADING = 0.15
"""Distance from the region's border, in palm widths, at which clouds reach full strength."""

FEWEST = 16
"""Fewest pixels at the working scale from which clouds are measured."""


class Clouds:
    """Random replacement for what is finer than the base and coarser than lines.

    Only the mean and covariance of lightness and the two colour differences are taken from the hand, no positions.

    Args:
        rest: (h, w, 3) float32, logarithms of the hand's colours minus its base, 0 outside the hand.
        measured: (h, w) bool, where they are measured.
        width: Palm width in pixels.
    """

    def __init__(self, rest: Layers, measured: Mask, width: float) -> None:
        scale = min(1.0, WORKING_WIDTH / width)
        self._shape, self._unit = measured.shape, width * scale
        size = scaled(measured.shape, scale)
        weight = shrunk(measured.astype(np.float32), size)
        self._inside = weight > 0.5
        summed = planes_of(shrunk(rest * measured[..., None], size))
        seen = np.asarray(summed / np.maximum(weight, np.float32(1e-3))[..., None], np.float32)
        coarse = average_of(seen, weight, FINEST * self._unit)[self._inside]
        self._known = len(coarse) >= FEWEST
        self._mean = coarse.mean(axis=0) if self._known else np.zeros(3, np.float32)
        spread = np.cov(coarse.T) if self._known else np.zeros((3, 3))
        self._mixing = np.linalg.cholesky(spread + 1e-12 * np.eye(3)).astype(np.float32)
        self._whole = ramp(depth_of(self._inside) / np.float32(FADING * self._unit))

    def of(self, rng: np.random.Generator) -> Layers:
        """(h, w, 3) float32 new clouds, to be added to a relief; zeros where too little of the hand was measured."""
        if not self._known:
            return np.zeros((*self._shape, 3), np.float32)
        noise = rng.standard_normal((*self._inside.shape, 3), np.float32)
        soft = cv2.GaussianBlur(noise, (0, 0), FINEST * self._unit, borderType=cv2.BORDER_REFLECT)
        even = standardized(np.asarray(soft), self._inside)
        planes = np.asarray(self._mean + np.float32(STRENGTH) * even @ self._mixing.T, np.float32)
        laid = np.asarray(self._whole[..., None] * colours_of(planes), np.float32)
        return np.asarray(cv2.resize(laid, self._shape[::-1], interpolation=cv2.INTER_CUBIC), np.float32)
