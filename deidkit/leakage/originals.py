"""Recognition of originals among pictures embedded in a file."""

from __future__ import annotations

import cv2
import numpy as np

from deidkit.leakage.copies import SHARP, Placement, find_palm
from deidkit.leakage.reference import Reference
from deidkit.leakage.sampling import Pyramid, grey
from deidkit.leakage.turns import brought_to_size
from deidkit.protocols import Image, Mask

SMALLEST_SIDE = 32
"""Shorter side in pixels below which a picture shows no palm."""


def is_original(original: Image, candidate: Image, palm: Mask | None = None, copy: Image | None = None) -> bool:
    """Whether a picture shows the original's palm, at any scale and rotation.

    Args:
        original: (h, w, 3) uint8.
        candidate: (any height, any width, 3) uint8: a thumbnail, another page, or pixels under transparency.
        palm: (h, w) bool, the original's palm; None if unknown.
        copy: The visible picture of the same file. A thumbnail of the copy is not the original, however little the copy
            was changed.

    Returns:
        Also False if the candidate is too small to show a palm.
    """
    if min(candidate.shape[:2]) < SMALLEST_SIDE:
        return False
    reference = _at_scale(original, palm, candidate)
    found = _best_placement(reference, candidate)
    likeness = found.likeness
    if likeness.margin < 0:
        return False
    if copy is not None:
        of_copy = _at_scale(brought_to_size(copy, original), palm, candidate)
        if abs(_best_placement(of_copy, candidate).likeness.detail) > abs(likeness.detail):
            return False
    return found.geometry != "in place" or likeness.detail_gain >= SHARP * likeness.shading_gain


def _at_scale(original: Image, palm: Mask | None, candidate: Image) -> Reference:
    """The original at the candidate's scale."""
    scale = max(candidate.shape[:2]) / max(original.shape[:2])
    if scale >= 1:
        return Reference(original, palm)
    size = max(1, round(original.shape[1] * scale)), max(1, round(original.shape[0] * scale))
    small = np.asarray(cv2.resize(original, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    mask = palm if palm is None else cv2.resize(palm.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    return Reference(small, mask)


def _best_placement(reference: Reference, candidate: Image) -> Placement:
    return find_palm(reference, Pyramid(grey(candidate)), (candidate.shape[0], candidate.shape[1]))[1]
