"""The squares of a picture in which palms are searched: the palm detector sees each at 192 x 192 pixels.

The detector finds every palm (wrist to middle finger's knuckle) from about a tenth of a square's side, half of those
of a fourteenth and none of a twentieth, in any direction (drawn hands next to a large one, 12 of each size).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from deidkit.hand.warp import square

SMALLEST_PART = 800
"""Longer side in pixels from which a picture, or a part of it, is looked at in parts of half its side as well: palms of
about 80 pixels are found; one of 60 has a region of interest of 35."""

MOST_HALVINGS = 2
"""Times a picture is halved at most: 30 parts of a picture of 4:3, and palms of a fortieth of its longer side."""

_OVERLAP = 0.3
"""How much of its side a part shares with the next one: what lies on the cut is whole in one of both."""


def every_hand(width: int, height: int) -> Iterator[NDArray[np.float32]]:
    """(4, 2) squares that show every hand together, large ones first: the whole picture, with room, and its parts."""
    centre, side = np.array([width, height]) / 2, float(max(width, height))
    yield square(centre, side, 0.0)
    yield square(centre, 3.0 * side, 0.0)  # hands that fill the picture
    for _ in range(MOST_HALVINGS):
        if side <= SMALLEST_PART:
            return
        side /= 2
        for x in _middles(width, side):
            for y in _middles(height, side):
                yield square(np.array([x, y]), side, 0.0)


def closer_looks(width: int, height: int) -> Iterator[NDArray[np.float32]]:
    """Squares to look for faint palms in where none was found: turned, smaller, and in parts."""
    centre, side = np.array([width, height]) / 2, float(max(width, height))
    for quarter in (0, 2, 1, 3):
        for scale in (1.0, 1.6, 3.0):
            yield square(centre, scale * side, quarter * np.pi / 2)
    for x in (0.25, 0.5, 0.75):
        for y in (0.25, 0.5, 0.75):
            yield square(centre + (np.array([x, y]) - 0.5) * side, side / 2, 0.0)


def _middles(length: int, side: float) -> NDArray[np.float64]:
    """Middles of the fewest overlapping parts along one axis of the picture."""
    if length <= side:
        return np.array([length / 2])
    count = int(np.ceil((length / side - _OVERLAP) / (1 - _OVERLAP)))
    return np.linspace(side / 2, length - side / 2, count)
