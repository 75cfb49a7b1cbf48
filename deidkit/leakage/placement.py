"""How a copy lies as a whole against its original: shifted, rotated or larger by a little, as no treatment needs."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.leakage.fingerprints import Fingerprints
from deidkit.leakage.motion import Motion
from deidkit.leakage.relief import blurred, likeness
from deidkit.leakage.sampling import after
from deidkit.leakage.turns import Affine

PLACEMENT = ("shift across", "shift down", "rotation", "scale")
"""What is measured, in order; shifts in parts of 48 of the picture, the others in radians and as a ratio less 1."""

_RIM, _FINE = np.ones((7, 7), np.uint8), 1.5
"""What around a palm is left out, and the coarsest detail that is compared: the reliefs that are stored are not free of
what stands in the palm."""

_LEAST = 100
"""Places, of 48 x 48, outside of the palm by which it can be told."""

_LEAST_MOVED = (0.1, 0.1, 0.01, 0.01)
"""Standard deviations over the copies below which none of them was moved: blurred surroundings reach half of it."""

_STEPS = 2
"""Steps by which a place is found, by all detail, which leads there, and again by the finest, which is exact."""

_SAME, _MOST_REPLACED = 0.6, 0.2
"""Correlation from which a copy's surroundings are its original's, and share of others from which an engine replaces
them, so that nothing lies there to be moved."""


def placements(originals: Fingerprints, copies: Fingerprints) -> NDArray[np.float32]:
    """Measure copies by what stands around their palms.

    Args:
        originals: The originals of the copies, in the same order.
        copies: The copies.

    Returns:
        (n, 4) float32, see `PLACEMENT`; 0 where nothing stands around the palm, or something else.
    """
    found, replaced = np.zeros((len(copies), len(PLACEMENT)), np.float32), 0
    pictures = zip(originals.whole(), copies.whole(), originals.masks(), strict=True)
    for row, (original, copy, palm) in enumerate(pictures):
        around = cv2.dilate(palm, _RIM) == 0
        if np.count_nonzero(around) < _LEAST or not original[around].any():
            continue
        place = np.eye(2, 3)
        for fine in (False, True):
            one, other = (_fine(relief) if fine else relief for relief in (original, copy))
            motion = Motion(one, around)
            for _ in range(_STEPS):
                place = after(place, motion.step(_seen(other, place)))
        if likeness(one[around], _seen(other, place)[around]) < _SAME:
            replaced += 1
            continue
        moved = place[:, :2] @ motion.centre + place[:, 2] - motion.centre
        found[row] = *moved, place[1, 0], (place[0, 0] + place[1, 1]) / 2 - 1
    if replaced > _MOST_REPLACED * len(found):
        return np.zeros_like(found)
    return np.asarray(found * (found.std(axis=0) >= _LEAST_MOVED), np.float32)


def _fine(relief: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(relief - blurred(relief, _FINE), np.float32)


def _seen(copy: NDArray[np.float32], place: Affine) -> NDArray[np.float32]:
    """What a copy shows where a map puts the original's places, whose middles it takes."""
    corners = place.copy()
    corners[:, 2] += place[:, :2] @ [0.5, 0.5] - 0.5
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(copy, corners, copy.shape[::-1], flags=flags), np.float32)
