"""Search for an original's palm elsewhere in a picture: rotated, mirrored, moved or zoomed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.leakage import insets
from deidkit.leakage.insets import Box
from deidkit.leakage.reference import SEARCHED, WHOLE, Reference, masked_correlation
from deidkit.leakage.relief import Plane, evened, relief
from deidkit.leakage.rings import Angle
from deidkit.leakage.sampling import Pyramid, after, inverse
from deidkit.leakage.turns import TURNS, Affine, Turn

Geometry = Literal["in place", "turned", "mirrored", "rotated", "moved"]
"""Placement of a palm in a copy: in place; rotated by quarter turns; mirrored, rotated or not; rotated by any other
angle; moved or scaled."""

ZOOMS = (0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.4)
"""Scales at which an upright palm is searched anywhere in a copy."""

_SEARCHED_ONE_IN = 12
"""Insets within a palm are searched in one of this many copies, since the search is slow."""

_CHANGED_LEVELS, _CHANGED_SHARE = 12.0, 0.005
"""Difference in grey levels of a changed pixel, and least share of such pixels beside the palm."""

_OVERHANG = 0.125
"""Distance by which an inset may extend beyond the changed area, in parts of the palm's length."""

_MOST_CANDIDATES = 8

_UPRIGHT_ANGLE = np.radians(3)
"""Angle below which a picture counts as upright."""

_MOST_OFF_CENTRE = 8
"""Largest shift of a palm rotated within its outline, in pixels of a palm 64 pixels long: twice the distance of the
centre of rotation from the palm's middle."""

_STEP = 2
"""Step of that shift, in pixels."""


@dataclass(frozen=True)
class Candidate:
    """A placement worth comparing closely."""

    geometry: Geometry
    affine: Affine
    score: float = 0.0


def turned_candidates(reference: Reference, size: tuple[int, int]) -> list[Candidate]:
    """The whole picture in each of the eight orientations, stretched to the copy's (height, width); identity first."""
    found: list[Candidate] = []
    for turn in TURNS:
        geometry: Geometry = "mirrored" if turn.mirrored else "turned" if turn.quarters else "in place"
        found.append(Candidate(geometry, turn.affine(reference.shape, size)))
    return found


def searched_candidates(reference: Reference, copy: Pyramid, size: tuple[int, int]) -> list[Candidate]:
    """The most likely other places in a copy of `size` (height, width), several for each plausible scale."""
    found: list[Candidate] = []
    place, changed = _changed(reference, copy, size)
    zooms = (*insets.ZOOMS, *ZOOMS) if changed else ZOOMS
    for scales in _scales(reference.shape, size):
        if changed or _in_sample(copy, size):
            small = insets.insets(reference.pyramid, reference.box, copy, place, scales)
            found += [Candidate(geometry_of(i.affine, mirrored=i.mirrored), i.affine, i.score) for i in small]
        here = sorted(_anywhere(reference, copy, size, scales, zooms), key=lambda candidate: -candidate.score)[
            :_MOST_CANDIDATES
        ]
        found += [*here, *_picture_rotated(reference, copy, size, scales)]
    return found


def rotated_candidates(reference: Reference, copy: Pyramid, size: tuple[int, int]) -> list[Candidate]:
    """The palm rotated in place by any angle, mirrored or not; accurate to about two pixels of 128."""
    rings, template = reference.rings_in_outline, reference.coarse
    offsets = np.arange(-_MOST_OFF_CENTRE, _MOST_OFF_CENTRE + 1, _STEP)
    centres = [rings.centre + np.array([dx, dy]) for dy in offsets for dx in offsets]
    outward = after(Turn().affine(reference.shape, size), template.to_original)
    inward = inverse(template.to_original)
    return [
        Candidate(
            "mirrored" if angle.mirrored else "rotated",
            after(outward, after(_rotation(angle, rings.centre, centres[angle.centre]), inward)),
            angle.score,
        )
        for angle in rings.best(reference.seen_in_outline(copy, size), centres)
    ]


def _scales(original: tuple[int, int], copy: tuple[int, int]) -> Iterator[tuple[float, float]]:
    """Yield plausible scales: pixels of the copy per pixel of the original, horizontally and vertically."""
    across, down = copy[1] / original[1], copy[0] / original[0]
    seen: list[tuple[float, float]] = []
    uniform = [max(copy) / max(original), min(copy) / min(original), 1.0]
    for scale in [(across, down), *((value, value) for value in uniform)]:
        if all(abs(np.log(scale[0] / s[0])) > 0.02 or abs(np.log(scale[1] / s[1])) > 0.02 for s in seen):
            seen.append(scale)
            yield scale


def _reduced(picture: Pyramid, size: tuple[int, int], step: tuple[float, float]) -> Plane:
    """Reduce the whole picture by the factors `step`, horizontally and vertically."""
    shape = max(8, round(size[0] / step[1])), max(8, round(size[1] / step[0]))
    return picture.sampled(np.array([[step[0], 0, 0], [0, step[1], 0]]), shape)


def _changed(reference: Reference, copy: Pyramid, size: tuple[int, int]) -> tuple[Box, bool]:
    """Where a copy can show what it has of its original's palm at another place, and whether beside the palm.

    Returns:
        What surrounds all differences from the original, and whether there are more beside the palm than compression
        leaves; the whole copy and False where no palm is known.
    """
    if reference.palm is None:
        return (0, 0, size[1], size[0]), False
    unit = max(reference.shape) / WHOLE
    across, down = size[1] / reference.shape[1], size[0] / reference.shape[0]
    ours = _reduced(reference.pyramid, reference.shape, (unit, unit))
    theirs = cv2.resize(_reduced(copy, size, (across * unit, down * unit)), ours.shape[::-1])
    palm = cv2.resize(reference.palm.astype(np.uint8), ours.shape[::-1], interpolation=cv2.INTER_AREA)
    beside = cv2.dilate(palm, np.ones((7, 7), np.uint8)) == 0
    differences = np.abs(ours - theirs)
    changed = differences[beside] > _CHANGED_LEVELS
    left, top, width, height = cv2.boundingRect((differences > 0).astype(np.uint8))
    steps, reach = np.array([across, down] * 2) * unit, _OVERHANG * reference.length / unit
    box = np.array([left - reach, top - reach, left + width + reach, top + height + reach]) * steps
    limits = np.array([size[1], size[0]] * 2)
    low_x, low_y, high_x, high_y = (int(edge) for edge in np.clip(np.round(box), 0, limits))
    return (low_x, low_y, high_x, high_y), bool(np.count_nonzero(changed) > _CHANGED_SHARE * beside.size)


def _in_sample(copy: Pyramid, size: tuple[int, int]) -> bool:
    """Whether a copy without changes beside its palm is in the searched sample, reproducibly by its content."""
    small = copy.sampled(np.diag([size[1] / 8, size[0] / 8, 1])[:2], (8, 8))
    return int(small.sum()) % _SEARCHED_ONE_IN == 0


def _anywhere(
    reference: Reference,
    copy: Pyramid,
    size: tuple[int, int],
    scales: tuple[float, float],
    zooms: tuple[float, ...],
) -> Iterator[Candidate]:
    template = reference.searched
    inward, unit = inverse(template.to_original), reference.length / SEARCHED
    for zoom in zooms:
        step = scales[0] * unit * zoom, scales[1] * unit * zoom
        seen = relief(_reduced(copy, size, step))
        for turn in TURNS if zoom == 1.0 else TURNS[:1]:
            turned, weight = turn.apply(template.relief), turn.apply(template.region.weight)
            if turned.shape[0] > seen.shape[0] or turned.shape[1] > seen.shape[1]:
                continue
            surface = np.abs(masked_correlation(seen, turned, weight))
            best = np.unravel_index(int(surface.argmax()), surface.shape)
            # palm frame -> turned frame -> copy
            frame = turn.affine(template.size, turned.shape)
            frame[:, 2] += best[1], best[0]
            affine = np.diag(step) @ after(frame, inward)
            geometry: Geometry = "mirrored" if turn.mirrored else "turned" if turn.quarters else "moved"
            yield Candidate(geometry, affine, float(surface[best]))


def _picture_rotated(
    reference: Reference, copy: Pyramid, size: tuple[int, int], scales: tuple[float, float]
) -> Iterator[Candidate]:
    """The whole picture rotated by any angle about its middle, mirrored or not."""
    rings = reference.rings_of_picture
    unit = max(reference.shape) / WHOLE
    step = scales[0] * unit, scales[1] * unit
    seen = evened(relief(_reduced(copy, size, step)))
    middle = np.array([seen.shape[1], seen.shape[0]]) / 2
    centres = [middle + np.array([dx, dy]) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    for angle in rings.best(seen, centres):
        turn = _rotation(angle, rings.centre, centres[angle.centre])
        affine = np.diag(step) @ turn @ np.diag([1 / unit, 1 / unit, 1])
        yield Candidate(geometry_of(turn, mirrored=angle.mirrored), affine, angle.score)


def geometry_of(affine: Affine, *, mirrored: bool) -> Literal["mirrored", "rotated", "moved"]:
    """Placement of a palm under a map from the original to the copy."""
    upright = abs(np.arctan2(affine[1, 0], affine[0, 0])) < _UPRIGHT_ANGLE
    return "mirrored" if mirrored else "moved" if upright else "rotated"


def _rotation(angle: Angle, centre: NDArray[np.float64], moved: NDArray[np.float64]) -> Affine:
    """The map that rotates about `centre` and takes it to `moved`."""
    cos, sin = np.cos(angle.radians), np.sin(angle.radians)
    linear = np.array([[cos, -sin], [sin, cos]]) @ np.diag([1, -1 if angle.mirrored else 1])
    return np.column_stack([linear, moved - linear @ centre])
