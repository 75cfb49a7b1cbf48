"""Originals that a copy carries where nobody looks: in low bits, channels, or differences of neighbouring pixels."""

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
"""By how much more a hidden plane must correlate than the visible picture, so that a weak copy is not called hidden."""

_SEAMS = 5
"""Pixels of a median that takes away the lines along which parts of a palm are inverted."""

_SAMPLED = 4 * COARSE
"""Longest side of the palm of which every pixel's bits are looked at; of larger ones every second, third ..."""


def hidden_original(reference: Reference, copy: Image) -> Literal["low bits", "hidden channel", "inverted"] | None:
    """Whether the palm of the original is in the copy and not in what is seen: in bits or channels, inverted in parts.

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
    ours = _folded(reference, reference.original, template)
    theirs = _folded(reference, copy, template)
    return "inverted" if abs(correlation(ours, theirs, template.region.count)) >= needed else None


def _folded(reference: Reference, picture: Image, template: Template) -> Plane:
    """Detail of the distance from the middle grey, which a level and its inverse share, whatever parts are inverted."""
    box = np.ascontiguousarray(_palm_box(reference, picture))
    red, green, blue = cv2.split(cv2.absdiff(box, np.invert(box)))
    mean = cv2.add(cv2.add(red, green, dtype=cv2.CV_16U), blue, dtype=cv2.CV_16U) // 3
    plain = cv2.medianBlur(mean.astype(np.uint8), _SEAMS).astype(np.float32)
    return template.region.detail(
        np.asarray(cv2.resize(plain, template.size[::-1], interpolation=cv2.INTER_AREA), np.float32), SMALL_DETAIL
    )


def _palm_part(reference: Reference, copy: Image) -> Image:
    """Pixels of the palm, every second, third ... of a large one."""
    part = _palm_box(reference, copy)
    step = max(1, max(part.shape[:2]) // _SAMPLED)
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
    yield np.asarray(colours.max(axis=2) - colours.min(axis=2), np.float32)
    angles = np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue)
    yield from (np.asarray(_TURNING * wave(angles), np.float32) for wave in (np.cos, np.sin))


_TURNING = 64.0
"""Grey levels for the cosine of a hue, so that planes of hue are measured as the others are."""


def _strength_of_noise(reference: Reference, copy: Image, size: tuple[int, int]) -> Plane:
    """How much pixels differ from their neighbours."""
    box = cv2.cvtColor(np.ascontiguousarray(_palm_box(reference, copy)), cv2.COLOR_RGB2GRAY).astype(np.float32)
    strength = cv2.GaussianBlur(np.abs(box - cv2.GaussianBlur(box, (0, 0), 1.0)), (0, 0), 1.0)
    return np.asarray(4 * cv2.resize(strength, size[::-1], interpolation=cv2.INTER_AREA), np.float32)


def _differences(reference: Reference, copy: Image, size: tuple[int, int]) -> Iterator[Plane]:
    """What alternates from one pixel, or pair of pixels, to the next: across, down and both (two levels of Haar's).

    The eye and every recognizer average it away. Pairs may begin at either of two pixels.
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
