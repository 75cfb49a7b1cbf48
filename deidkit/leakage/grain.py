"""Whether a copy has the finest grain of its original's palm, pixel by pixel, beneath lines of nobody.

Grain is what no recognizer looks at, and it is as good as a photograph's number. What an engine left untreated is not
counted here; that is another finding.

Measured on the regions of 36 drawn hands and 40 photographs: copies of resynth, other fresh palms, fills, noise and
mosaics reach 0.06 at most and 0.012 on average; with the grain of the original beneath coarser lines 0.26 at least.
"""

from __future__ import annotations

import cv2
import numpy as np

from deidkit.leakage.relief import Plane, blurred, likeness
from deidkit.protocols import GreyImage, Mask

KEPT, KEPT_ON_AVERAGE, LEAST_COPIES = 0.18, 0.06, 12
"""Least correlation with the original's of one copy, least mean of many, and least number of these."""

_FINEST, _HIGHEST = 0.6, 3.0
"""Standard deviation, in pixels, of what grain stands out from, and means of its strength at which it is cut off."""

_RIM, _LEFT = 7, 3
"""Pixels across by which the palm's rim is left out, and side of a place that was left as it was."""

_LEAST = 2000
"""Pixels by which it can be told."""


def grain(original: GreyImage, copy: GreyImage, palm: Mask | None = None) -> float:
    """Correlation of the grain, -1..1; 0 where there is none.

    Args:
        original: (128, 128) uint8 palm region.
        copy: (128, 128) uint8, the same place of the copy.
        palm: (128, 128) bool, what of the region is palm; None for all of it.
    """
    inside = np.ones(original.shape, np.uint8) if palm is None else palm.astype(np.uint8)
    inside = np.asarray(cv2.erode(inside, np.ones((_RIM, _RIM), np.uint8)), np.uint8)
    left = (cv2.absdiff(original, copy) == 0).astype(np.uint8)
    inside[cv2.morphologyEx(left, cv2.MORPH_OPEN, np.ones((_LEFT, _LEFT), np.uint8)) > 0] = 0
    if np.count_nonzero(inside) < _LEAST:
        return 0.0
    return likeness(*(_standing_out(plane, inside > 0) for plane in (original, copy)))


def grain_kept(found: list[float]) -> int:
    """How many copies have their original's grain, each by itself or all together.

    Args:
        found: Of each copy that does not show its original otherwise.
    """
    if len(found) >= LEAST_COPIES and sum(found) >= KEPT_ON_AVERAGE * len(found):
        return len(found)
    return sum(value >= KEPT for value in found)


def _standing_out(plane: GreyImage, inside: Mask) -> Plane:
    values = plane.astype(np.float32)
    found = (values - blurred(values, _FINEST))[inside]
    limit = np.float32(_HIGHEST) * np.abs(found).mean()
    return np.asarray(np.clip(found, -limit, limit), np.float32)
