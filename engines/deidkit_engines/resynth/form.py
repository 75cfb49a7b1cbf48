"""Coarse shading towards the finger roots: the pads between them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import Mask
from deidkit_engines.resynth.drawing import FIRST_PAD, PADS_APART, PADS_HEIGHT, NewPalm
from deidkit_engines.resynth.pyramid import Layer, Layers, lightness_of
from deidkit_engines.resynth.regions import PalmRegion

HIGHEST = 1.5
"""Largest height of a pad over the gaps beside it, in standard deviations of the hand's own relief."""
SEEN = 0.02
"""Standard deviation of the Gaussian, in palm widths, by which noise is removed before pads are measured."""
HEIGHT = 0.14
"""How far pads reach towards the wrist, in sides of the square."""
LIGHTEST, PALE = 0.985, np.float32(0.8)
"""Quantile that defines a hand's lightest skin, and share by which lighter skin in a copy is darkened towards it."""
USUAL = np.array([FIRST_PAD, PADS_HEIGHT, 1.0])
"""Position, height and strength of the reference pads with which a hand's own are measured."""


class Form:
    """Gives a new palm pads as strong as the hand's own.

    Pads drawn on a palm without any show as pale spots; a palm that loses its pads shifts the 3-D keypoints of the
    wrist and the thumb. Only two heights are taken from the hand, no positions: how much lighter the palm is towards
    the finger roots, and the pads than the gaps between them.

    Args:
        colours: (h, w, 3) float32, logarithms of the hand's colours.
        rest: (h, w, 3) float32, `colours` minus the base, 0 outside the hand.
        palm: The palm in the same window.
        where: (h, w) bool, where pads are measured.
        measured: (h, w) bool, where the hand's own relief is measured.
    """

    def __init__(self, colours: Layers, rest: Layers, palm: PalmRegion, where: Mask, measured: Mask) -> None:
        self._palm, self._measured = palm, measured
        self._heights = np.zeros(2, np.float32)
        self._lightest = np.float32(np.inf)
        if palm.keypoints is None or not where.any() or not measured.any():
            return  # a ready ROI does not tell where the finger roots are
        self._lightest = np.float32(np.quantile(self._denoised_lightness(colours)[measured], LIGHTEST))
        light = self._denoised_lightness(rest)
        shapes = np.column_stack([np.ones(np.count_nonzero(where)), *(each[where] for each in self._shapes(USUAL))])
        most = HIGHEST * float(light[measured].std())
        _, towards, pads = np.linalg.lstsq(shapes, light[where], rcond=None)[0]
        self._heights[:] = np.clip(towards, -most, most), np.clip(pads, 0, most)

    def of(self, new: NewPalm) -> Layer:
        """(h, w) float32 shading of a new palm's pads, to be added to a relief."""
        if not self._heights.any():
            return np.zeros(self._palm.region.shape, np.float32)
        roots, pads = self._shapes(new.pads)
        risen = self._heights[0] * roots + self._heights[1] * pads
        return np.asarray(risen - risen[self._measured].mean(), np.float32)

    def limited(self, skin: Layers) -> Layers:
        """Darken places lighter than the hand's lightest skin, which would show as pale spots.

        Args:
            skin: (h, w, 3) float32, logarithms of colour.
        """
        if not np.isfinite(self._lightest):
            return skin
        pale = PALE * np.maximum(self._denoised_lightness(skin) - self._lightest, 0)
        return np.asarray(skin - pale[..., None], np.float32)

    def _denoised_lightness(self, colours: Layers) -> Layer:
        """(h, w) float32 lightness without noise."""
        return np.asarray(
            cv2.GaussianBlur(lightness_of(colours), (0, 0), max(SEEN * self._palm.width, 0.3)), np.float32
        )

    def _shapes(self, pads: NDArray[np.float64]) -> tuple[Layer, Layer]:
        """Two (h, w) patterns: a decay from the finger roots towards the wrist, and the pads between them."""
        palm, (rows, columns) = self._palm, self._palm.region.shape
        to_square = np.linalg.inv((palm.square[[1, 3]] - palm.square[0]).T)
        x, y = (np.arange(n) + 0.5 - start for n, start in zip((columns, rows), palm.square[0], strict=True))
        across, down = (np.add.outer(np.float32(axis[1] * y), np.float32(axis[0] * x)) for axis in to_square)
        first, height, strength = pads.astype(np.float32)
        falls = strength * np.exp(-np.square((down - height) / np.float32(HEIGHT)))
        return falls, falls * np.maximum(np.cos((2 * np.pi / PADS_APART) * (across - first)), 0)
