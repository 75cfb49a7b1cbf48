"""Blotches of light and colour as coarse as a palm's mounds, in places where no one has them."""

from __future__ import annotations

import cv2
import numpy as np

from deidkit.protocols import Mask
from deidkit_engines.resynth.base import average_of, depth_of, ramp, scaled, shrunk
from deidkit_engines.resynth.levels import standard
from deidkit_engines.resynth.pyramid import COLOURS, PLANES, Layers

WORKING_WIDTH = 48.0
"""Pixels in a palm width where clouds are made: they hold nothing finer."""
FINEST = 0.15
"""Standard deviation, in palm widths, of the average beyond which all is finer than clouds, and drawn as relief."""
STRENGTH = 0.65
"""Amplitude in parts of the hand's own: the stronger clouds elsewhere are, the less a copy is like its picture."""
FADING = 0.15
"""How far from the rim of what is replaced clouds have become whole, in palm widths: skin that stays has its own."""

FEWEST = 16
"""Pixels at that scale below which nothing can be said of clouds."""


class Clouds:
    """The base averages over most of a palm; what varies less widely than that, and more than lines do, is drawn anew.

    Measured are the mean and how lightness and two differences of colour vary together, no places.

    Args:
        rest: (h, w, 3) float32, the hand's colours (logarithms) above its base, 0 beyond the hand.
        measured: (h, w) where it is looked at.
        width: Of the palm in pixels.
    """

    def __init__(self, rest: Layers, measured: Mask, width: float) -> None:
        scale = min(1.0, WORKING_WIDTH / width)
        self._shape, self._unit = measured.shape, width * scale
        size = scaled(measured.shape, scale)
        weight = shrunk(measured.astype(np.float32), size)
        self._inside = weight > 0.5
        seen = shrunk(rest * measured[..., None], size) / np.maximum(weight, np.float32(1e-3))[..., None]
        coarse = average_of(np.asarray(seen @ PLANES.T, np.float32), weight, FINEST * self._unit)[self._inside]
        self._known = len(coarse) >= FEWEST
        self._mean = coarse.mean(axis=0) if self._known else np.zeros(3, np.float32)
        spread = np.cov(coarse.T) if self._known else np.zeros((3, 3))
        self._mixing = np.linalg.cholesky(spread + 1e-12 * np.eye(3)).astype(np.float32)
        self._whole = ramp(depth_of(self._inside) / np.float32(FADING * self._unit))

    def of(self, rng: np.random.Generator) -> Layers:
        """(h, w, 3) float32, other clouds, to be added to a relief; none where too little was seen of the hand."""
        if not self._known:
            return np.zeros((*self._shape, 3), np.float32)
        noise = rng.standard_normal((*self._inside.shape, 3), np.float32)
        soft = cv2.GaussianBlur(noise, (0, 0), FINEST * self._unit, borderType=cv2.BORDER_REFLECT)
        planes = self._mean + np.float32(STRENGTH) * standard(np.asarray(soft), self._inside) @ self._mixing.T
        laid = self._whole[..., None] * (planes @ COLOURS.T)
        return np.asarray(cv2.resize(laid, self._shape[::-1], interpolation=cv2.INTER_CUBIC), np.float32)
