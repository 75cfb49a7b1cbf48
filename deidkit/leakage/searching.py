"""Where else in a picture an original's palm may be: turned, mirrored, rotated by any angle, moved or zoomed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from deidkit.leakage.reference import SEARCHED, Pyramid, Reference
from deidkit.leakage.relief import Plane, relief
from deidkit.leakage.turns import TURNS, Affine

Geometry = Literal["in place", "turned", "mirrored", "rotated", "moved"]
"""How a palm lies in a copy: where it was; turned by quarters; mirrored, turned or not; rotated by another angle; at
another place or scale."""

ZOOMS = (0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.4)
"""Scales at which an upright palm is looked for anywhere in a copy."""

_MOST = 8
_OFFSETS = (-1.5, 0.0, 1.5)
"""Pixels, of a palm that is 32 long, by which the centre of a rotation may be off."""


@dataclass(frozen=True)
class Candidate:
    """A place worth comparing."""

    geometry: Geometry
    affine: Affine
    score: float = 0.0


def turned(reference: Reference, size: tuple[int, int]) -> list[Candidate]:
    """The whole picture by each of the eight turns, stretched to the copy's (height, width); the identity first."""
    found: list[Candidate] = []
    for turn in TURNS:
        geometry: Geometry = "mirrored" if turn.mirrored else "turned" if turn.quarters else "in place"
        found.append(Candidate(geometry, turn.affine(reference.shape, size)))
    return found


def searched(reference: Reference, copy: Pyramid, size: tuple[int, int]) -> list[Candidate]:
    """The likeliest other places, at most eight for each scale the copy may have.

    Args:
        reference: The original.
        copy: Grey values.
        size: The copy's (height, width).
    """
    found: list[Candidate] = []
    for scales in _scales(reference.shape, size):
        here = [*_anywhere(reference, copy, size, scales), *_rotated(reference, copy, size, scales)]
        found += sorted(here, key=lambda candidate: -candidate.score)[:_MOST]
    return found


def _scales(original: tuple[int, int], copy: tuple[int, int]) -> Iterator[tuple[float, float]]:
    """Pixels of the copy in a pixel of the original, across and down, as they may be."""
    across, down = copy[1] / original[1], copy[0] / original[0]
    seen: list[tuple[float, float]] = []
    uniform = [max(copy) / max(original), min(copy) / min(original), 1.0]
    for scale in [(across, down), *((value, value) for value in uniform)]:
        if all(abs(np.log(scale[0] / s[0])) > 0.02 or abs(np.log(scale[1] / s[1])) > 0.02 for s in seen):
            seen.append(scale)
            yield scale


def _reduced(picture: Pyramid, size: tuple[int, int], step: tuple[float, float]) -> Plane:
    """The whole picture with `step` of its pixels, across and down, in one."""
    shape = max(8, round(size[0] / step[1])), max(8, round(size[1] / step[0]))
    return picture.sampled(np.array([[step[0], 0, 0], [0, step[1], 0]]), shape)


def _anywhere(
    reference: Reference, copy: Pyramid, size: tuple[int, int], scales: tuple[float, float]
) -> Iterator[Candidate]:
    template = reference.searched
    unit = reference.length / SEARCHED
    for zoom in ZOOMS:
        step = scales[0] * unit * zoom, scales[1] * unit * zoom
        seen = relief(_reduced(copy, size, step))
        for turn in TURNS if zoom == 1.0 else TURNS[:1]:
            turned = turn.apply(template.relief)
            if turned.shape[0] > seen.shape[0] or turned.shape[1] > seen.shape[1]:
                continue
            surface = np.abs(cv2.matchTemplate(seen, turned, cv2.TM_CCOEFF_NORMED))
            best = np.unravel_index(int(surface.argmax()), surface.shape)
            # palm frame -> turned frame -> copy
            frame = turn.affine(template.size, turned.shape)
            frame[:, 2] += best[1], best[0]
            affine = np.diag(step) @ frame @ np.vstack([_inverse(template.to_original), [0, 0, 1]])
            geometry: Geometry = "mirrored" if turn.mirrored else "turned" if turn.quarters else "moved"
            yield Candidate(geometry, affine, float(surface[best]))


def _inverse(affine: Affine) -> Affine:
    linear = np.linalg.inv(affine[:, :2])
    return np.column_stack([linear, -linear @ affine[:, 2]])


def _rotated(
    reference: Reference, copy: Pyramid, size: tuple[int, int], scales: tuple[float, float]
) -> Iterator[Candidate]:
    """By any angle, mirrored or not, about the palm's own centre or that of the picture."""
    unit = reference.length / SEARCHED
    step = np.diag([scales[0] * unit, scales[1] * unit])
    seen = relief(_reduced(copy, size, (step[0, 0], step[1, 1])))
    corner = np.array(reference.box[:2]) / unit
    middle = np.array([seen.shape[1], seen.shape[0]]) / 2
    for rings, about in (
        (reference.rings_about_palm, reference.rings_about_palm.centre + corner),
        (reference.rings_about_picture, middle),
    ):
        centres = [about + np.array([dx, dy]) for dy in _OFFSETS for dx in _OFFSETS]
        for angle in rings.best(seen, centres):
            cos, sin = np.cos(angle.radians), np.sin(angle.radians)
            linear = np.array([[cos, -sin], [sin, cos]]) @ np.diag([1, -1 if angle.mirrored else 1])
            shift = centres[angle.centre] - linear @ (rings.centre + corner)
            affine = step @ np.column_stack([linear / unit, shift])
            yield Candidate("mirrored" if angle.mirrored else "rotated", affine, angle.score)
