"""The form of a palm in its light: pads rise between the finger roots."""

from __future__ import annotations

import cv2
import numpy as np

from deidkit.protocols import Mask
from deidkit_engines.resynth.drawing import PADS_APART, NewPalm
from deidkit_engines.resynth.pyramid import Layer, Layers
from deidkit_engines.resynth.regions import PalmRegion

RISE = 1.15
"""How much lighter a pad is than the palm, in standard deviations of the hand's own relief: without pads, a palm looks
to what finds keypoints in depth as if its wrist were nearer to the camera and its thumb further away."""
SEEN = 0.02
"""Standard deviation of the average, in palm widths, over which that relief is looked at: no camera's noise counts."""
HEIGHT = 0.14
"""How far down pads reach, in sides of the square."""


def pads_of(palm: PalmRegion, new: NewPalm) -> Layer:
    """(h, w) float32: how much lighter the pads between the finger roots are; 0 on a ready ROI, which is cut anyhow.

    Lines make them lighter than the gaps beside them; this makes them lighter than all of the palm.

    Args:
        palm: Where.
        new: Whose.
    """
    rows, columns = palm.region.shape
    if palm.keypoints is None:
        return np.zeros((rows, columns), np.float32)
    to_square = np.linalg.inv((palm.square[[1, 3]] - palm.square[0]).T)
    x, y = (np.arange(n) + 0.5 - start for n, start in zip((columns, rows), palm.square[0], strict=True))
    across, down = (np.add.outer(np.float32(axis[1] * y), np.float32(axis[0] * x)) for axis in to_square)
    first, height, strength = new.pads.astype(np.float32)
    waves = np.maximum(np.cos((2 * np.pi / PADS_APART) * (across - first)), 0)
    falls = np.exp(-np.square((down - height) / HEIGHT))
    return np.asarray(RISE * strength * waves * falls, np.float32)


def strength_of(rest: Layers, measured: Mask, width: float) -> np.float32:
    """Standard deviation of a hand's lightness above its base, without its finest features.

    Args:
        rest: (h, w, 3) float32, logarithms of colour above the base.
        measured: (h, w) bool, where it is looked at.
        width: Of the palm in pixels.
    """
    light = cv2.GaussianBlur(rest.mean(axis=2), (0, 0), max(SEEN * width, 0.3))
    return np.float32(light[measured].std() if measured.any() else 0)
