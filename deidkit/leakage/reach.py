"""How far the treatment of a palm reaches: short of its outline, or beyond it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.leakage.sampling import largest_difference
from deidkit.protocols import Image, Mask

_WIDEST = 0.2
"""How far from the outline it is looked for, in parts of the palm's length."""

_MOST = 128
"""Pixels of a palm's length that are looked at; of a larger one every second, third ...: it is told as coarsely."""

_TREATED, _ALL_TREATED = 0.5, 0.97
"""Share of changed pixels from which a ring within the palm is treated, and one beyond it with all that stands there: a
mask of skin reaches there, too, as far as the hand does, and nobody chose that."""

_LEAST_CHANGED = 0.5
"""Share of the palm that must be changed for its rim to be one that was left."""


def reach(original: Image, copy: Image, palm: Mask) -> int | None:
    """Pixels by which a palm, (h, w) bool, was treated beyond its outline in a copy of the original's size.

    Returns:
        Negative where its rim was left; None where nothing can be said, or there is no end to it nearby.
    """
    if palm.all():
        return None
    left, top, width, height = cv2.boundingRect(palm.astype(np.uint8))
    widest = max(2, round(_WIDEST * max(width, height)))
    step = -(-max(width, height) // _MOST)
    part = (
        slice(max(0, top - widest), top + height + widest, step),
        slice(max(0, left - widest), left + width + widest, step),
    )
    widest = -(-widest // step)
    inside = np.ascontiguousarray(palm[part]).astype(np.uint8)
    changed = largest_difference(np.ascontiguousarray(original[part]), np.ascontiguousarray(copy[part])) > 0
    if np.count_nonzero(changed & (inside > 0)) < _LEAST_CHANGED * np.count_nonzero(inside):
        return None
    within = _shares(inside, changed, widest) >= _TREATED
    if not within[0]:
        return -step * int(within.argmax()) if within.any() else None
    beyond = _shares(1 - inside, changed, widest) >= _ALL_TREATED
    return None if beyond.all() else step * int((~beyond).argmax())


def _shares(place: NDArray[np.uint8], changed: Mask, widest: int) -> NDArray[np.float64]:
    """Share of changed pixels at each distance, in pixels, from the border of a place."""
    distance = cv2.distanceTransform(place, cv2.DIST_L2, 3)
    ring = np.minimum(np.ceil(distance), widest + 1).astype(np.int64)  # 0 elsewhere
    pixels = np.bincount(ring.ravel(), minlength=widest + 2)
    treated = np.bincount(ring.ravel(), changed.ravel(), minlength=widest + 2)
    return np.asarray((treated / np.maximum(pixels, 1))[1:-1])
