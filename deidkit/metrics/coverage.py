"""Whether a copy is any different from its original: an anonymizer that passes pictures through must not go unseen."""

from __future__ import annotations

import hashlib
from typing import Literal

import cv2
import numpy as np

from deidkit.protocols import Image, Mask

HARDLY_CHANGED_LEVELS = 2.0
"""Mean absolute difference in grey levels under which a palm counts as hardly changed.

On photographs of 800 x 600 pixels, saving as JPEG of quality 85 moves a palm by 1.9 levels, a Gaussian of one 128th of
the palm's size by 3.1, one of 4/128 by 5.1.
"""

CELLS = 8
"""Cells to a side by which a picture without a palm mask is judged."""


def pixel_hash(picture: Image) -> str:
    """SHA-256, in hex, of a picture's size and pixels, whatever file they came from."""
    return hashlib.sha256(repr(picture.shape).encode() + picture.tobytes()).hexdigest()


def change_finding(original: Image, output: Image, palm: Mask | None) -> Literal["unchanged", "hardly changed"] | None:
    """Whether a copy is the original, or as good as.

    Args:
        original: (h, w, 3) uint8.
        output: The same shape.
        palm: (h, w) bool, None where it is not known.

    Returns:
        ``"unchanged"`` when every pixel is the same; ``"hardly changed"`` when the palm differs by less than
        `HARDLY_CHANGED_LEVELS` on average, or, without a palm, no cell of a grid of 8 x 8 differs by so much, so that
        a change of one part of the picture is seen; else None.
    """
    difference = cv2.absdiff(original, output)
    if not difference.any():
        return "unchanged"
    if palm is not None and palm.any():
        largest = float(np.mean(cv2.mean(difference, palm.astype(np.uint8))[:3]))
    else:
        cells = (min(CELLS, original.shape[1]), min(CELLS, original.shape[0]))
        levels = cv2.resize(difference.astype(np.float32).mean(axis=2), cells, interpolation=cv2.INTER_AREA)
        largest = float(levels.max())
    return "hardly changed" if largest < HARDLY_CHANGED_LEVELS else None
