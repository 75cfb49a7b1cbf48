"""What is written on a palm, or drawn in over it: no part of its relief, of which nothing is measured there."""

from __future__ import annotations

import cv2
import numpy as np

from deidkit.protocols import Mask
from deidkit_engines.resynth.base import disc, scaled, shrunk
from deidkit_engines.resynth.pyramid import PLANES, Layers

OTHER = 0.5
"""How far a colour lies from the palm's median, as a logarithm of red to green or blue to green, from which it is no
skin's: skin itself comes to .41 in 22 photographs."""
BLACK = -1.0
"""Logarithm of lightness above the base below which skin is written on, or hidden."""
WORKING_WIDTH = 96.0
"""Pixels in a palm width where it is looked for: noise is no ink."""
AROUND = 0.03
"""How much wider than it is seen what is left out is, in palm widths."""


def ink_on(rest: Layers, within: Mask, width: float) -> Mask:
    """(h, w) bool: where a palm is written on.

    Args:
        rest: (h, w, 3) float32, logarithms of colour above the base.
        within: (h, w) bool, where it is looked for: skin, no outline and no gap between fingers.
        width: Of the palm in pixels.
    """
    scale = min(1.0, WORKING_WIDTH / width)
    size = scaled(within.shape, scale)
    inside = shrunk(within.astype(np.float32), size) > 0.98
    if not inside.any():
        return np.zeros(within.shape, bool)
    planes = shrunk(rest, size) @ PLANES.T
    apart = np.abs(planes[..., 1:] - np.median(planes[inside][:, 1:], axis=0)).max(axis=2)
    ink = inside & ((apart > OTHER) | (planes[..., 0] < BLACK))
    if not ink.any():
        return np.zeros(within.shape, bool)
    wide = cv2.dilate(ink.astype(np.uint8), disc(2 * AROUND * width * scale))
    return np.asarray(cv2.resize(wide, within.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0)
