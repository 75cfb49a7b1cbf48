"""Detection of parts of a palm that were left untreated."""

from __future__ import annotations

import cv2
import numpy as np

from deidkit.leakage.reference import Reference
from deidkit.leakage.relief import FINEST, SMALL_DETAIL, Plane, Region
from deidkit.leakage.sampling import Pyramid, after
from deidkit.leakage.turns import Turn

LEAST_SHARE = 0.1
"""Least untreated share of a palm for a copy that shows its original.

Masks, fresh palms, palms of others, blur 4 and pixelate 8 leave at most 0.02 of 36 hands, synthetic and photographed.
If half of the palm is left the share is 0.29 to 0.46, for a quarter 0.13 to 0.19: pixels near the border do not count.
"""

_WINDOW = 11
"""Side of the window in which a pixel's surroundings are compared, in pixels of a palm 128 pixels long."""

_ALIKE, _FACTOR = 0.9, 1.25
"""Least correlation and largest change of contrast of untreated surroundings."""

_TEXTURED = 0.75
"""Standard deviation of the detail in grey levels below which a window is not compared."""


def share_left(reference: Reference, picture: Pyramid, size: tuple[int, int]) -> float:
    """Share of the palm, 0..1, whose detail is unchanged and in place in a copy of `size` (height, width)."""
    frame = reference.frame
    place = after(Turn().affine(reference.shape, size), frame.to_original)
    ours = _detail(frame.region, reference.plane)
    theirs = _detail(frame.region, picture.sampled(place, frame.size))

    def around(plane: Plane) -> Plane:
        return np.asarray(cv2.blur(plane, (_WINDOW, _WINDOW)), np.float32)

    both, one, other = around(ours * theirs), around(ours * ours), around(theirs * theirs)
    textured = frame.region.mask & (one > _TEXTURED**2 * around(frame.region.weight))
    count = int(np.count_nonzero(textured))
    if count < LEAST_SHARE * frame.region.count:
        return 0.0
    alike = both[textured] >= _ALIKE * np.sqrt(np.maximum(one * other, 0)[textured])
    factor = both[textured] / one[textured]
    left = alike & (factor <= _FACTOR) & (factor * _FACTOR >= 1)
    return float(np.count_nonzero(left)) / count


def _detail(region: Region, plane: Plane) -> Plane:
    """Detail without clipping, whose limit would depend on the treated parts."""
    return np.asarray((region.smooth(plane, FINEST) - region.smooth(plane, SMALL_DETAIL)) * region.weight, np.float32)
