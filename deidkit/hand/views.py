"""Squares of a picture that are searched for palms: the palm detector sees each at 192 x 192 pixels.

The detector finds every palm (wrist to middle knuckle) larger than about a tenth of a square's side, half of those of
a fourteenth and none of a twentieth, at any angle (synthetic hands next to a large one, 12 of each size).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from deidkit.hand.warp import square

SMALLEST_PART = 800
"""Longer side, in pixels, above which a picture or a part of it is also searched in parts of half its side: palms of
about 80 pixels are found; one of 60 has a region of interest of 35."""

MOST_HALVINGS = 2
"""Largest number of halvings: 30 parts of a 4:3 picture, and palms of a fortieth of its longer side."""

_OVERLAP = 0.3
"""Overlap of adjacent parts, in parts of their side, so that a palm on the boundary is complete in one of them."""


def every_hand(width: int, height: int) -> Iterator[NDArray[np.float32]]:
    """Yield (4, 2) squares that together cover all hands, large ones first: the picture with margin, and its parts."""
    centre, side = np.array([width, height]) / 2, float(max(width, height))
    yield square(centre, side, 0.0)
    yield square(centre, 3.0 * side, 0.0)  # hands that fill the picture
    for _ in range(MOST_HALVINGS):
        if side <= SMALLEST_PART:
            return
        side /= 2
        for x in _part_centres(width, side):
            for y in _part_centres(height, side):
                yield square(np.array([x, y]), side, 0.0)


def closer_looks(width: int, height: int) -> Iterator[NDArray[np.float32]]:
    """Yield further squares for faint palms if none was found: rotated, smaller, and in parts."""
    centre, side = np.array([width, height]) / 2, float(max(width, height))
    for quarter in (0, 2, 1, 3):
        for scale in (1.0, 1.6, 3.0):
            yield square(centre, scale * side, quarter * np.pi / 2)
    for x in (0.25, 0.5, 0.75):
        for y in (0.25, 0.5, 0.75):
            yield square(centre + (np.array([x, y]) - 0.5) * side, side / 2, 0.0)


def _part_centres(length: int, side: float) -> NDArray[np.float64]:
    """Centres of the fewest overlapping parts along one axis of the picture."""
    if length <= side:
        return np.array([length / 2])
    count = int(np.ceil((length / side - _OVERLAP) / (1 - _OVERLAP)))
    return np.linspace(side / 2, length - side / 2, count)
