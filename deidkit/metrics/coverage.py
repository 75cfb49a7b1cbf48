"""How a copy differs from its original at all: what passes pictures through, or moves them, must not go unseen."""

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

SHAPE_TOLERANCE = 0.01
"""Relative difference of the aspect ratio up to which a picture of another size is only resized."""


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


def size_finding(original: Image, output: Image) -> Literal["resized", "reshaped"] | None:
    """Whether a copy is of another size than its original.

    Args:
        original: (h, w, 3) uint8.
        output: (any height, any width, 3) uint8.

    Returns:
        ``"resized"`` when it has the original's aspect ratio within `SHAPE_TOLERANCE`, ``"reshaped"`` when it has not,
        so that places in it are not those of the original; None when the size is the same.
    """
    (height, width), (copy_height, copy_width) = original.shape[:2], output.shape[:2]
    if (height, width) == (copy_height, copy_width):
        return None
    stretch = (copy_width / width) / (copy_height / height)
    return "resized" if abs(stretch - 1) <= SHAPE_TOLERANCE else "reshaped"


def brought_to_size(output: Image, original: Image) -> Image:
    """A copy at its original's size, so that it can be compared at all; as it is where the size is the same."""
    height, width = original.shape[:2]
    if output.shape[:2] == (height, width):
        return output
    method = cv2.INTER_AREA if output.shape[0] > height else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(output, (width, height), interpolation=method), dtype=np.uint8)
