"""Detection of originals hidden in low bits, single channels, or differences of neighbouring pixels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.leakage.reference import COARSE, Reference, Template
from deidkit.leakage.relief import SMALL_DETAIL, Plane, correlation
from deidkit.protocols import Image

LOW_BITS = (1, 3, 7, 15)
"""Masks of the lowest one to four bits."""

CLEARER = 0.2
"""Margin by which a hidden plane must correlate better than the visible picture, so that a faint copy is not hidden."""

_SEAM_FILTER = 5
"""Side in pixels of the median filter that removes the seams between inverted parts of a palm."""

_FULL_SAMPLING = 4 * COARSE
"""Longest side of the palm, in pixels, up to which every pixel's bits are examined; larger palms are subsampled."""


def hidden_original(reference: Reference, copy: Image) -> Literal["low bits", "hidden channel", "inverted"] | None:
    """Find the palm in the copy if it is not visible: in low bits or channels, or inverted in parts.

    Args:
        reference: The original.
        copy: (any height, any width, 3) uint8, in the original's orientation.
    """
    template = reference.coarse

    def likeness(plane: Plane) -> float:
        return abs(correlation(template.relief, template.region.detail(plane, SMALL_DETAIL), template.region.count))

    part = _palm_part(reference, copy)
    colours = _reduced(part, template.size)
    visible = likeness(np.asarray(colours @ np.array([0.299, 0.587, 0.114], np.float32)))
    needed = max(reference.chance, visible + CLEARER)
    planes = (*_channels(colours), _strength_of_noise(reference, copy, template.size))
    if max(likeness(plane) for plane in planes) >= needed:
        return "hidden channel"
    if max((likeness(plane) for plane in _differences(reference, copy, template.size)), default=0.0) >= needed:
        return "hidden channel"
    if max(likeness(plane) for plane in _low_bits(part, template.size)) >= needed:
        return "low bits"
    ours = _distance_from_grey(reference, reference.original, template)
    theirs = _distance_from_grey(reference, copy, template)
    return "inverted" if abs(correlation(ours, theirs, template.region.count)) >= needed else None


def _distance_from_grey(reference: Reference, picture: Image, template: Template) -> Plane:
    """Detail of the distance from middle grey, which does not depend on which parts are inverted."""
    box = np.ascontiguousarray(_palm_box(reference, picture))
    red, green, blue = cv2.split(cv2.absdiff(box, np.invert(box)))
    mean = cv2.add(cv2.add(red, green, dtype=cv2.CV_16U), blue, dtype=cv2.CV_16U) // 3
    plain = cv2.medianBlur(mean.astype(np.uint8), _SEAM_FILTER).astype(np.float32)
    return template.region.detail(
        np.asarray(cv2.resize(plain, template.size[::-1], interpolation=cv2.INTER_AREA), np.float32), SMALL_DETAIL
    )


def _palm_part(reference: Reference, copy: Image) -> Image:
    """The palm's bounding box, subsampled if it is large."""
    part = _palm_box(reference, copy)
    step = max(1, max(part.shape[:2]) // _FULL_SAMPLING)
    return np.ascontiguousarray(part[step // 2 :: step, step // 2 :: step])


def _palm_box(reference: Reference, copy: Image) -> Image:
    scale = np.array([copy.shape[1] / reference.shape[1], copy.shape[0] / reference.shape[0]] * 2)
    left, top, right, bottom = (round(value) for value in np.asarray(reference.box) * scale)
    return copy[top : max(bottom, top + 1), left : max(right, left + 1)]


def _reduced(part: Image, size: tuple[int, int]) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(part.astype(np.float32), size[::-1], interpolation=cv2.INTER_AREA), dtype=np.float32)


def _channels(colours: NDArray[np.float32]) -> Iterator[Plane]:
    red, green, blue = (np.ascontiguousarray(colours[:, :, channel]) for channel in range(3))
    yield from (red, green, blue, red - green, blue - green)
    highest, lowest = (each(each(red, green), blue) for each in (np.maximum, np.minimum))
    yield highest - lowest
    angles = np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue)
    yield from (np.asarray(_HUE_SCALE * wave(angles), np.float32) for wave in (np.cos, np.sin))


_HUE_SCALE = 64.0
"""Scale of the cosine and sine of hue, in grey levels, comparable to other planes."""


def _strength_of_noise(reference: Reference, copy: Image, size: tuple[int, int]) -> Plane:
    """Local strength of noise."""
    box = cv2.cvtColor(np.ascontiguousarray(_palm_box(reference, copy)), cv2.COLOR_RGB2GRAY).astype(np.float32)
    strength = cv2.GaussianBlur(np.abs(box - cv2.GaussianBlur(box, (0, 0), 1.0)), (0, 0), 1.0)
    return np.asarray(4 * cv2.resize(strength, size[::-1], interpolation=cv2.INTER_AREA), np.float32)


def _differences(reference: Reference, copy: Image, size: tuple[int, int]) -> Iterator[Plane]:
    """Haar wavelet differences of two levels: horizontal, vertical and diagonal, at both pixel alignments.

    Viewers and recognizers average them away.
    """
    box = cv2.cvtColor(np.ascontiguousarray(_palm_box(reference, copy)), cv2.COLOR_RGB2GRAY).astype(np.float32)
    for first in (0, 1):
        plane: Plane = np.asarray(box[first:, first:], np.float32)
        for level in range(2):
            rows, columns = plane.shape[0] // 2 * 2, plane.shape[1] // 2 * 2
            if min(rows, columns) < 2:
                break
            upper, lower = plane[0:rows:2, :columns], plane[1:rows:2, :columns]
            total, down = upper + lower, upper - lower
            across, along = total[:, ::2] - total[:, 1::2], down[:, ::2] + down[:, 1::2]
            if level or not first:
                for difference in (across, along, down[:, ::2] - down[:, 1::2]):
                    yield np.asarray(cv2.resize(difference, size[::-1], interpolation=cv2.INTER_AREA), np.float32)
            plane = np.asarray((total[:, ::2] + total[:, 1::2]) / 4, np.float32)


def _low_bits(part: Image, size: tuple[int, int]) -> Iterator[Plane]:
    for mask in LOW_BITS:
        table = ((np.arange(256) & mask) * (255 // mask)).astype(np.uint8)
        yield from np.moveaxis(_reduced(np.asarray(cv2.LUT(part, table), dtype=np.uint8), size), 2, 0)
