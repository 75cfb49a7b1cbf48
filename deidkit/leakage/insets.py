"""Search for small pictures of a palm within a copy, rotated by any angle, mirrored or not."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.leakage.relief import MINIMUM_TEXTURE, Plane, evened, relief
from deidkit.leakage.sampling import Pyramid, after, inverse
from deidkit.leakage.turns import Affine

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels, the latter two exclusive."""

ZOOMS = (0.22, 0.26, 0.31, 0.37, 0.43, 0.51, 0.6)
"""Scales that are searched."""

SIDE = 24
"""Length of the palm in the search, in pixels: small, since every angle is tried at every place."""

_ANGLES = 24
"""Number of angles, in steps of 15 degrees."""

_MOST_PLACES = 400_000
"""Largest number of places per scale; a small palm in a large picture would need millions."""

_KEPT, _REFINED = 2, 5
"""Places kept per scale, and places over all scales that are refined."""

_BETWEEN, _LARGER = np.radians((-5, 0, 5)), (0.94, 1.0, 1.06)
"""Angle offsets and scale factors of the refinement."""


@dataclass(frozen=True)
class Inset:
    """A possible placement of a palm.

    Attributes:
        affine: Maps points of the original to the copy.
        mirrored: Whether left and right are exchanged.
        score: Correlation of the small palm, 0..1.
    """

    affine: Affine
    mirrored: bool
    score: float


def insets(
    original: Pyramid,
    box: Box,
    copy: Pyramid,
    within: Box,
    scales: tuple[float, float],
) -> list[Inset]:
    """Find the most likely places of small rotated pictures.

    Args:
        original: Grey values of the original.
        box: The original's palm.
        copy: Grey values of the copy.
        within: Part of the copy that is searched.
        scales: Pixels of the copy per pixel of the original, horizontally and vertically.
    """
    unit = max(box[2] - box[0], box[3] - box[1]) / SIDE
    middle = np.array([box[0] + box[2], box[1] + box[3]]) / 2
    disc = disc_mask(min(box[2] - box[0], box[3] - box[1]) / unit)
    views = [(turn * 2 * np.pi / _ANGLES, mirrored) for mirrored in (False, True) for turn in range(_ANGLES)]
    maps = [turned(middle, unit, angle, mirrored=mirrored) for angle, mirrored in views]
    templates = np.stack([normalised(normalised_detail(original, place, (SIDE, SIDE)), disc) for place in maps])
    found: list[Inset] = []
    for zoom in ZOOMS:
        step = scales[0] * unit * zoom, scales[1] * unit * zoom
        shape = round((within[3] - within[1]) / step[1]), round((within[2] - within[0]) / step[0])
        if min(shape) <= SIDE or shape[0] * shape[1] > _MOST_PLACES:
            continue
        seen = normalised_detail(copy, np.array([[step[0], 0, within[0]], [0, step[1], within[1]]]), shape)
        scores = np.abs(correlations(seen, templates, disc))
        for place in np.argpartition(scores.max(axis=1), -_KEPT)[-_KEPT:]:
            best = int(scores[place].argmax())
            top, left = divmod(int(place), shape[1] - SIDE + 1)
            there = np.array([[step[0], 0, within[0] + step[0] * left], [0, step[1], within[1] + step[1] * top]])
            affine = after(there, inverse(maps[best]))
            found.append(Inset(affine, best >= _ANGLES, float(scores[place, best])))
    found.sort(key=lambda inset: -inset.score)
    return [
        Inset(after(inset.affine, rotated_about(middle, angle, factor)), inset.mirrored, inset.score)
        for inset in found[:_REFINED]
        for angle in _BETWEEN
        for factor in _LARGER
    ]


def rotated_about(middle: NDArray[np.float64], angle: float, factor: float) -> Affine:
    """Map that rotates and scales about a point."""
    cos, sin = factor * np.cos(angle), factor * np.sin(angle)
    linear = np.array([[cos, -sin], [sin, cos]])
    return np.column_stack([linear, middle - linear @ middle])


def turned(middle: NDArray[np.float64], unit: float, angle: float, *, mirrored: bool) -> Affine:
    """Map from a square of `SIDE` pixels to a picture, rotated about a point; `unit` of its pixels in one."""
    cos, sin = unit * np.cos(angle), unit * np.sin(angle)
    across = -1 if mirrored else 1
    linear = np.array([[cos * across, -sin], [sin * across, cos]])
    return np.column_stack([linear, middle - linear @ [SIDE / 2, SIDE / 2]])


def disc_mask(diameter: float, side: int = SIDE) -> Plane:
    """(side, side) 1 within a disc about the middle, else 0."""
    offsets = np.arange(side) - (side - 1) / 2
    return np.asarray(np.hypot(offsets[:, None], offsets) <= max(diameter, 4.0) / 2, np.float32)


def normalised(plane: Plane, disc: Plane) -> NDArray[np.float32]:
    """(256,) values of mean 0 and norm 1 within the disc, 0 outside of it."""
    centred = (plane - float((plane * disc).sum()) / float(disc.sum())) * disc
    return np.asarray(centred.ravel() / max(float(np.linalg.norm(centred)), 1e-6), np.float32)


def correlations(seen: Plane, templates: NDArray[np.float32], disc: Plane) -> NDArray[np.float32]:
    """(places, templates) correlations within the disc at every place of a picture, in row-major order."""
    windows = np.lib.stride_tricks.sliding_window_view(seen, disc.shape)
    products = np.concatenate([row.reshape(-1, disc.size) @ templates.T for row in windows])
    count = float(disc.sum())
    kernel = np.ascontiguousarray(disc)
    total, energy = (
        cv2.filter2D(plane, cv2.CV_32F, kernel, anchor=(0, 0))[: seen.shape[0] - SIDE + 1, : seen.shape[1] - SIDE + 1]
        for plane in (seen, seen * seen)
    )
    spread = np.sqrt(np.maximum(energy - total * total / count, count * MINIMUM_TEXTURE**2)).ravel()
    return np.asarray(products / spread[:, None], np.float32)


def normalised_detail(picture: Pyramid, affine: Affine, size: tuple[int, int]) -> Plane:
    """Detail with normalised contrast, so that the edge of a hand does not outweigh creases."""
    return evened(relief(picture.sampled(affine, size)))
