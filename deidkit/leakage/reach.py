"""Measurement of how far the treatment of a palm extends: short of its outline, or beyond it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.leakage.sampling import largest_difference
from deidkit.protocols import Image, Mask

_WIDEST = 0.2
"""Largest measured distance from the outline, in parts of the palm's length."""

_FULL_SAMPLING = 128
"""Length of the palm in pixels up to which every pixel is examined; larger palms are subsampled."""

_TREATED, _ALL_TREATED = 0.5, 0.97
"""Share of changed pixels above which a ring inside the palm is treated, and a ring outside: a skin mask also extends
beyond the palm, but only as far as the hand does, which is not a choice per person."""

_LEAST_CHANGED = 0.5
"""Least changed share of the palm for an untreated rim to be measured."""


def reach(original: Image, copy: Image, palm: Mask) -> int | None:
    """Pixels by which the treatment extends beyond a palm, (h, w) bool, in a copy of the original's size.

    Returns:
        Negative if the rim was left untreated; None if it cannot be measured, or the treatment extends too far.
    """
    if palm.all():
        return None
    left, top, width, height = cv2.boundingRect(palm.astype(np.uint8))
    widest = max(2, round(_WIDEST * max(width, height)))
    step = -(-max(width, height) // _FULL_SAMPLING)
    part = (
        slice(max(0, top - widest), top + height + widest, step),
        slice(max(0, left - widest), left + width + widest, step),
    )
    widest = -(-widest // step)
    inside = np.ascontiguousarray(palm[part]).astype(np.uint8)
    changed = largest_difference(np.ascontiguousarray(original[part]), np.ascontiguousarray(copy[part])) > 0
    if np.count_nonzero(changed & (inside > 0)) < _LEAST_CHANGED * np.count_nonzero(inside):
        return None
    within = _changed_shares(inside, changed, widest) >= _TREATED
    if not within[0]:
        return -step * int(within.argmax()) if within.any() else None
    beyond = _changed_shares(1 - inside, changed, widest) >= _ALL_TREATED
    return None if beyond.all() else step * int((~beyond).argmax())


def _changed_shares(place: NDArray[np.uint8], changed: Mask, widest: int) -> NDArray[np.float64]:
    """Share of changed pixels at each distance, in pixels, from the border of a mask."""
    distance = cv2.distanceTransform(place, cv2.DIST_L2, 3)
    ring = np.minimum(np.ceil(distance), widest + 1).astype(np.int64)  # 0 outside of the mask
    pixels = np.bincount(ring.ravel(), minlength=widest + 2)
    treated = np.bincount(ring.ravel(), changed.ravel(), minlength=widest + 2)
    return np.asarray((treated / np.maximum(pixels, 1))[1:-1])
