"""Search for pieces of a palm that were pasted into a copy beside the palm, for example into the background.

The place is known: it is where copy and original differ. So the piece is searched within the original's palm, at any
angle and scale, mirrored or inverted or not; it need not show the whole palm.

Measured on 15 photographs, in which a palm is 300 pixels long: squares of 60 and 80 pixels of it, plain, dim, mirrored
or compressed, correlate by 0.76 and more in 58 of 60; squares of other people's palms and of drawn ones by at most
0.36, noise by 0.22. Squares of 40 pixels were found in 33 of the 40 copies of an audit. Inverted squares of 40 to 80
pixels, dim or rotated too, were found on each of 12 photographs, squares of other people in none of 120. The search
takes 0.15 s for each changed place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.leakage.beside import farther_than
from deidkit.leakage.insets import SIDE, correlations, disc_mask, normalised, normalised_detail, rotated_about, turned
from deidkit.leakage.measuring import FRAME, Likeness, Measured
from deidkit.leakage.reference import Reference, masked_correlation
from deidkit.leakage.relief import SMALL_DETAIL, Region, relief
from deidkit.leakage.sampling import Pyramid, after, grey, inverse, largest_difference
from deidkit.leakage.turns import Affine
from deidkit.protocols import Image

_CHANGED, _TOGETHER = 12, 5
"""Levels from which a place was replaced, and pixels within which such places belong together."""

_LEAST_RADIUS, _MOST_PLACES = 10.0, 3
"""Radius, in pixels, of the largest disc within a place that can show a palm; how many places are looked at."""

_BESIDE = 0.03
"""How far from the palm, in parts of its length, a place is none that its treatment reaches."""

_SHARES = tuple(1.12**step for step in range(-8, 2))
"""Lengths of what a place may show, in parts of the palm's."""

_ANGLES = 36
_REFINED_SIDE, _MARGIN = 64, 4
"""Pixels across a place where the likeliest results are compared, and by how many of them these may be off."""

_KEPT, _REFINED, _COMPARED = 6, 24, 3
"""Results kept of each scale, of all, and of those that were refined."""

_BETWEEN, _LARGER = np.radians((-4, 0, 4)), (0.96, 1.0, 1.04)


@dataclass(frozen=True)
class Pasted:
    """Where a part of the palm is shown.

    Attributes:
        affine: Takes points of the original to the copy.
        mirrored: Whether left and right are exchanged.
        likeness: How alike it is.
    """

    affine: Affine
    mirrored: bool
    likeness: Likeness


def pasted_palm(reference: Reference, copy: Image) -> Pasted | None:
    """What of the palm stands in a place that was replaced; None where none does.

    Args:
        reference: The original, whose palm is known.
        copy: (h, w, 3) uint8 at the original's size.
    """
    picture = Pyramid(grey(copy))
    for centre, radius in _replaced(reference, copy):
        found = max(_compared(reference, picture, centre, radius), key=lambda one: one.likeness.margin, default=None)
        if found is not None and found.likeness.margin >= 0:
            return found
    return None


def _replaced(reference: Reference, copy: Image) -> list[tuple[NDArray[np.float64], float]]:
    """Middles and radii of the largest discs within what was replaced beside the palm."""
    assert reference.palm is not None
    changed = (largest_difference(reference.original, copy) > _CHANGED).astype(np.uint8)
    closed = cv2.morphologyEx(changed, cv2.MORPH_CLOSE, np.ones((_TOGETHER, _TOGETHER), np.uint8))
    closed[~farther_than(reference.palm, max(2, round(_BESIDE * reference.length)))] = 0
    depth = cv2.distanceTransform(np.pad(closed, 1), cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1]
    found: list[tuple[NDArray[np.float64], float]] = []
    while len(found) < _MOST_PLACES:
        row, column = np.unravel_index(int(depth.argmax()), depth.shape)
        radius = float(depth[row, column])
        if radius < _LEAST_RADIUS:
            break
        found.append((np.array([column + 0.5, row + 0.5]), radius))
        cv2.circle(depth, (int(column), int(row)), round(2 * radius), 0.0, -1)
    return found


def _compared(reference: Reference, picture: Pyramid, centre: NDArray[np.float64], radius: float) -> Iterator[Pasted]:
    """The likeliest views of the palm that a place may show, compared closely."""
    unit, side = 2 * radius / _REFINED_SIDE, _REFINED_SIDE + 2 * _MARGIN
    region = Region(disc_mask(_REFINED_SIDE, _REFINED_SIDE) > 0)
    seen = picture.sampled(_square(centre, unit, _REFINED_SIDE), region.weight.shape)
    template, around = region.detail(seen, SMALL_DETAIL), _square(centre, unit, side)
    scored = []
    for rough, mirrored in _searched(reference, picture, centre, radius):
        for angle in _BETWEEN:
            for factor in _LARGER:
                back = after(rough, rotated_about(centre, angle, factor))
                own = relief(reference.pyramid.sampled(after(back, around), (side, side)))
                surface = np.abs(masked_correlation(own, template, region.weight))
                down, right = np.unravel_index(int(surface.argmax()), surface.shape)
                back[:, 2] += back[:, :2] @ [(right - _MARGIN) * unit, (down - _MARGIN) * unit]
                scored.append((float(surface[down, right]), back, mirrored))
    scored.sort(key=lambda one: -one[0])
    frame = _square(centre, 2 * radius / FRAME, FRAME)
    plane, inside = picture.sampled(frame, (FRAME, FRAME)), Region(disc_mask(FRAME, FRAME) > 0)
    measured = Measured(plane, inside, frame)
    for _, back, mirrored in scored[:_COMPARED]:
        likeness = measured.likeness(reference.pyramid, back)
        yield Pasted(inverse(likeness.affine), mirrored, likeness)


def _searched(
    reference: Reference, picture: Pyramid, centre: NDArray[np.float64], radius: float
) -> list[tuple[Affine, bool]]:
    """Maps from the copy to the original under which a place may show a part of the palm, and whether mirrored."""
    disc = disc_mask(SIDE, SIDE)
    views = [(turn * 2 * np.pi / _ANGLES, mirrored) for mirrored in (False, True) for turn in range(_ANGLES)]
    maps = [turned(centre, 2 * radius / SIDE, angle, mirrored=mirrored) for angle, mirrored in views]
    templates = np.stack([normalised(normalised_detail(picture, place, (SIDE, SIDE)), disc) for place in maps])
    left, top, right, bottom = reference.box
    found: list[tuple[float, Affine, bool]] = []
    for share in _SHARES:
        step = share * reference.length / SIDE
        rim = SIDE / 4 * step
        size = round((bottom - top + 2 * rim) / step), round((right - left + 2 * rim) / step)
        if min(size) <= SIDE:
            continue
        corner = np.array([[step, 0, left - rim], [0, step, top - rim]])
        scores = np.abs(correlations(normalised_detail(reference.pyramid, corner, size), templates, disc))
        for place in np.argpartition(scores.max(axis=1), -_KEPT)[-_KEPT:]:
            best = int(scores[place].argmax())
            down, across = divmod(int(place), size[1] - SIDE + 1)
            there = after(corner, np.array([[1.0, 0, across], [0, 1.0, down]]))
            found.append((float(scores[place, best]), after(there, inverse(maps[best])), views[best][1]))
    found.sort(key=lambda one: -one[0])
    return [(affine, mirrored) for _, affine, mirrored in found[:_REFINED]]


def _square(centre: NDArray[np.float64], unit: float, side: int) -> Affine:
    """Takes points of an upright square to the picture, in which it lies about a point."""
    return np.array([[unit, 0, centre[0] - unit * side / 2], [0, unit, centre[1] - unit * side / 2]])
