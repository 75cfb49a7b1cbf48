"""Parts of a palm that stand in a copy as they were, while the rest was treated."""

from __future__ import annotations

import cv2
import numpy as np

from deidkit.leakage.reference import Reference
from deidkit.leakage.relief import FINEST, SMALL_DETAIL, Plane, Region
from deidkit.leakage.sampling import Pyramid, after
from deidkit.leakage.turns import Turn

LEFT = 0.1
"""Least share of a palm, left as it was, by which its copy shows the original.

Masks, fresh palms, palms of others, blur 4 and pixelate 8 leave at most 0.02 of 36 hands, drawn and photographed. Of a
half that is left the share is 0.29 to 0.46, of a quarter 0.13 to 0.19: what lies near the border is not counted.
"""

_WINDOW = 11
"""Side in pixels, of a palm that is 128 long, of the surroundings in which a place is compared."""

_ALIKE, _FACTOR = 0.9, 1.25
"""Least correlation of what is left as it was, and how much its contrast may differ."""

_TEXTURED = 0.75
"""Standard deviation of the detail in grey levels from which a place has something to compare."""


def share_left(reference: Reference, picture: Pyramid, size: tuple[int, int]) -> float:
    """Share of the palm, in 0..1, whose detail is in a copy of `size` (height, width) as it was, in place."""
    frame = reference.frame
    place = after(Turn().affine(reference.shape, size), frame.to_original)
    ours = _detail(frame.region, reference.plane)
    theirs = _detail(frame.region, picture.sampled(place, frame.size))

    def around(plane: Plane) -> Plane:
        return np.asarray(cv2.blur(plane, (_WINDOW, _WINDOW)), np.float32)

    both, one, other = around(ours * theirs), around(ours * ours), around(theirs * theirs)
    textured = frame.region.mask & (one > _TEXTURED**2 * around(frame.region.weight))
    count = int(np.count_nonzero(textured))
    if count < LEFT * frame.region.count:
        return 0.0
    alike = both[textured] >= _ALIKE * np.sqrt(np.maximum(one * other, 0)[textured])
    factor = both[textured] / one[textured]
    left = alike & (factor <= _FACTOR) & (factor * _FACTOR >= 1)
    return float(np.count_nonzero(left)) / count


def _detail(region: Region, plane: Plane) -> Plane:
    """Creases and wrinkles with their high edges, so that what was done to one part does not cut off another."""
    return np.asarray((region.smooth(plane, FINEST) - region.smooth(plane, SMALL_DETAIL)) * region.weight, np.float32)
