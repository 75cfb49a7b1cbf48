"""Measurement of small shifts, rotations and scalings of a whole copy, which no treatment needs."""

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
"""Names of the measurements, in order; shifts in 1/48 of the picture, rotation in radians, scale as a ratio minus 1."""

_RIM, _FINE_SIGMA = np.ones((7, 7), np.uint8), 1.5
"""Dilation of the palm mask, and standard deviation of the blur that separates fine detail: the stored reliefs near a
palm are affected by its content."""

_LEAST = 100
"""Least number of pixels, of 48 x 48, outside of the palm."""

_LEAST_MOVED = (0.1, 0.1, 0.01, 0.01)
"""Standard deviations over the copies below which none was moved: blurred surroundings reach half of them."""

_STEPS = 2
"""Motion steps with all detail, for convergence, and again with fine detail, for accuracy."""

_LEAST_LIKENESS, _MOST_REPLACED = 0.6, 0.2
"""Correlation above which a copy's surroundings are its original's; share of copies with other surroundings above which
the engine replaces them, so that placement is meaningless."""


def placements(originals: Fingerprints, copies: Fingerprints) -> NDArray[np.float32]:
    """Measure the placement of copies by the surroundings of their palms.

    Args:
        originals: The originals of the copies, in the same order.
        copies: The copies.

    Returns:
        (n, 4) float32, see `PLACEMENT`; 0 if the surroundings are missing or replaced.
    """
    found, replaced = np.zeros((len(copies), len(PLACEMENT)), np.float32), 0
    pictures = zip(originals.whole(), copies.whole(), originals.masks(), strict=True)
    for row, (original, copy, palm) in enumerate(pictures):
        around = cv2.dilate(palm, _RIM) == 0
        if np.count_nonzero(around) < _LEAST or not original[around].any():
            continue
        place = np.eye(2, 3)
        for fine in (False, True):
            one, other = (_fine_detail(relief) if fine else relief for relief in (original, copy))
            motion = Motion(one, around)
            for _ in range(_STEPS):
                place = after(place, motion.step(_warped(other, place)))
        if likeness(one[around], _warped(other, place)[around]) < _LEAST_LIKENESS:
            replaced += 1
            continue
        moved = place[:, :2] @ motion.centre + place[:, 2] - motion.centre
        found[row] = *moved, place[1, 0], (place[0, 0] + place[1, 1]) / 2 - 1
    if replaced > _MOST_REPLACED * len(found):
        return np.zeros_like(found)
    return np.asarray(found * (found.std(axis=0) >= _LEAST_MOVED), np.float32)


def _fine_detail(relief: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(relief - blurred(relief, _FINE_SIGMA), np.float32)


def _warped(copy: NDArray[np.float32], place: Affine) -> NDArray[np.float32]:
    """Sample a copy through an affine map of pixel corners."""
    corners = place.copy()
    corners[:, 2] += place[:, :2] @ [0.5, 0.5] - 0.5
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(copy, corners, copy.shape[::-1], flags=flags), np.float32)
