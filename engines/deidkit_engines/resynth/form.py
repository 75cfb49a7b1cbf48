"""The form of a palm in its light: pads rise between the finger roots."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import Mask
from deidkit_engines.resynth.drawing import FIRST_PAD, PADS_APART, PADS_HEIGHT, NewPalm
from deidkit_engines.resynth.pyramid import Layer, Layers
from deidkit_engines.resynth.regions import PalmRegion

HIGHEST = 1.5
"""How much lighter a pad is than the gaps beside it at most, in standard deviations of the hand's own relief."""
SEEN = 0.02
"""Standard deviation of the average, in palm widths, over which a relief is looked at: no camera's noise counts."""
HEIGHT = 0.14
"""How far down pads reach, in sides of the square."""
LIGHTEST, PALE = 0.985, np.float32(0.8)
"""Share of a hand's own skin that is less light than its lightest, and share taken of what is lighter in a copy."""
USUAL = np.array([FIRST_PAD, PADS_HEIGHT, 1.0])
"""Place, height and strength of the pads by which a hand's own are measured."""


class Form:
    """How light a hand is towards its finger roots, and how much lighter its pads are than the gaps between them.

    Where a palm has no pads, drawn ones are pale spots; where it has some, what finds keypoints in depth takes a palm
    without them for one whose wrist is nearer to the camera and whose thumb is further away. Measured are two heights,
    no places.

    Args:
        colours: (h, w, 3) float32, the hand's own colours (logarithms).
        rest: (h, w, 3) float32, the hand's colours (logarithms) above its base, 0 beyond the hand.
        palm: Where.
        where: (h, w) bool, where pads are looked for.
        measured: (h, w) bool, where the hand's own relief is looked at.
    """

    def __init__(self, colours: Layers, rest: Layers, palm: PalmRegion, where: Mask, measured: Mask) -> None:
        self._palm, self._measured = palm, measured
        self._heights = np.zeros(2, np.float32)
        self._lightest = np.float32(np.inf)
        if palm.keypoints is None or not where.any() or not measured.any():
            return  # a ready ROI is cut anyhow
        self._lightest = np.float32(np.quantile(self._softly(colours)[measured], LIGHTEST))
        light = self._softly(rest)
        shapes = np.column_stack([np.ones(np.count_nonzero(where)), *(each[where] for each in self._shapes(USUAL))])
        most = HIGHEST * float(light[measured].std())
        _, towards, pads = np.linalg.lstsq(shapes, light[where], rcond=None)[0]
        self._heights[:] = np.clip(towards, -most, most), np.clip(pads, 0, most)

    def of(self, new: NewPalm) -> Layer:
        """(h, w) float32: how much lighter a new palm of the same heights is, to be added to a relief."""
        if not self._heights.any():
            return np.zeros(self._palm.region.shape, np.float32)
        roots, pads = self._shapes(new.pads)
        risen = self._heights[0] * roots + self._heights[1] * pads
        return np.asarray(risen - risen[self._measured].mean(), np.float32)

    def held(self, skin: Layers) -> Layers:
        """Take back most of what makes a place lighter than the hand's lightest skin, where it would be a pale spot.

        Args:
            skin: (h, w, 3) float32, logarithms of colour.
        """
        if not np.isfinite(self._lightest):
            return skin
        pale = PALE * np.maximum(self._softly(skin) - self._lightest, 0)
        return np.asarray(skin - pale[..., None], np.float32)

    def _softly(self, colours: Layers) -> Layer:
        """(h, w) Lightness without its finest features."""
        return np.asarray(cv2.GaussianBlur(colours.mean(axis=2), (0, 0), max(SEEN * self._palm.width, 0.3)), np.float32)

    def _shapes(self, pads: NDArray[np.float64]) -> tuple[Layer, Layer]:
        """(h, w) What falls from the finger roots downwards, and the pads between them."""
        palm, (rows, columns) = self._palm, self._palm.region.shape
        to_square = np.linalg.inv((palm.square[[1, 3]] - palm.square[0]).T)
        x, y = (np.arange(n) + 0.5 - start for n, start in zip((columns, rows), palm.square[0], strict=True))
        across, down = (np.add.outer(np.float32(axis[1] * y), np.float32(axis[0] * x)) for axis in to_square)
        first, height, strength = pads.astype(np.float32)
        falls = strength * np.exp(-np.square((down - height) / np.float32(HEIGHT)))
        return falls, falls * np.maximum(np.cos((2 * np.pi / PADS_APART) * (across - first)), 0)
