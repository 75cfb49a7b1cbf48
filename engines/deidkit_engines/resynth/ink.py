"""Writing on a palm, or graphics drawn over it, where the hand's relief must not be measured."""

from __future__ import annotations

import cv2
import numpy as np

from deidkit.protocols import Mask
from deidkit_engines.resynth.base import disc, scaled, shrunk
from deidkit_engines.resynth.pyramid import Layers, planes_of

OTHER = 0.5
"""Log ratio of red or blue to green, relative to the palm's median, from which a colour is not skin; the largest of
skin in 22 photographs was .41."""
BLACK = -1.0
"""Log lightness relative to the base below which skin is covered."""
WORKING_WIDTH = 96.0
"""Pixels per palm width at which ink is detected; noise is averaged away."""
AROUND = 0.03
"""Margin around detected ink that is left out as well, in palm widths."""


def ink_on(rest: Layers, within: Mask, width: float) -> Mask:
    """(h, w) bool mask of ink on a palm.

    Args:
        rest: (h, w, 3) float32, logarithms of colour minus the base.
        within: (h, w) bool, where ink is searched: skin without the outline and without gaps between fingers.
        width: Palm width in pixels.
    """
    scale = min(1.0, WORKING_WIDTH / width)
    size = scaled(within.shape, scale)
    inside = shrunk(within.astype(np.float32), size) > 0.98
    if not inside.any():
        return np.zeros(within.shape, bool)
    planes = planes_of(shrunk(rest, size))
    apart = np.abs(planes[..., 1:] - np.median(planes[inside][:, 1:], axis=0)).max(axis=2)
    ink = inside & ((apart > OTHER) | (planes[..., 0] < BLACK))
    if not ink.any():
        return np.zeros(within.shape, bool)
    wide = cv2.dilate(ink.astype(np.uint8), disc(2 * AROUND * width * scale))
    return np.asarray(cv2.resize(wide, within.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0)
