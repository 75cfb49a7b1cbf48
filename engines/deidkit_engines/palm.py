"""Applies a change to the palm only."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.errors import SampleError
from deidkit.protocols import ROI_SIZE, Failure, Hand, HandImage, Image, Mask

Change = Callable[[Image, Mask, float], NDArray[np.uint8]]
"""Takes the bounding box of a palm with its `margin`, the palm mask within it, and the palm's unit in pixels. Returns a
picture of the same size, of which only pixels within the palm are used."""

Backs = Literal["refuse", "treat"]
"""How an engine treats a picture that shows the back of a hand."""

BACKS_HELP = "A picture that shows the back of a hand: fail, or change it where its palm would be"


def change_palms(
    images: Sequence[HandImage], seeds: Sequence[int], change: Change, *, backs: Backs, margin: float = 0.0
) -> list[list[Image | Failure]]:
    """Apply a deterministic change to the palm of each picture; all other pixels stay bit for bit.

    Args:
        images: The originals.
        seeds: How many results are wanted of each; all are equal.
        change: What to do.
        margin: How far around the palm it looks, in units of `palm_unit`.
        backs: What to do with a picture in which the back of a hand is seen.

    Returns:
        As `deidkit.protocols.Engine.deidentify`; a picture without a hand or a palm gives failures.
    """
    results: list[list[Image | Failure]] = []
    for image in images:
        refused = refused_back(image) if backs == "refuse" else None
        output = refused or _changed(image, change, margin)
        if isinstance(output, Failure):
            results.append([output] * len(seeds))
        else:
            results.append([output, *(output.copy() for _ in seeds[1:])])
    return results


def refused_back(image: HandImage) -> Failure | None:
    """A failure for a picture that shows the back of a hand, where changing a palm region would hide no identity."""
    backs = sum(hand.side == "back" for hand in image.hands)
    if not backs:
        return None
    return Failure("hand", f"{backs} of {len(image.hands)} hands show the back; backs=treat changes them like palms")


def palm_unit(palm: Mask) -> float:
    """Pixels of the picture in one 128th of a palm's size, which is the square root of its area.

    Options in this unit mean the same at any resolution; in a ready ROI of 128 x 128 pixels the unit is one pixel.

    Args:
        palm: (h, w) bool, of one palm, not empty.
    """
    return math.sqrt(np.count_nonzero(palm)) / ROI_SIZE


def _changed(image: HandImage, change: Change, margin: float) -> Image | Failure:
    try:
        palms = _one_by_one(image.palm_mask(), image.hands)
    except SampleError as error:
        return Failure("hand", str(error))
    missing = sum(not palm.any() for palm in palms)
    if missing:
        which = f"{missing} of {len(palms)} palms do" if len(palms) > 1 else "the palm does"
        return Failure("hand", f"{which} not lie within the hand's mask")
    output = image.pixels.copy()
    for palm in palms:
        unit = palm_unit(palm)
        rows, columns = (np.flatnonzero(palm.any(axis=axis)) for axis in (1, 0))
        reach = math.ceil(margin * unit)
        part = (
            slice(max(rows[0] - reach, 0), rows[-1] + 1 + reach),
            slice(max(columns[0] - reach, 0), columns[-1] + 1 + reach),
        )
        changed = change(image.pixels[part], palm[part], unit)
        cv2.copyTo(np.asarray(changed, np.uint8), palm[part].astype(np.uint8), output[part])
    return output


def _one_by_one(palms: Mask, hands: Sequence[Hand]) -> list[Mask]:
    """Split the palm mask by hand: each pixel belongs to the nearest hand, relative to the hand's size."""
    if len(hands) < 2:
        return [palms]
    rows, columns = np.nonzero(palms)
    pixels = np.stack([columns, rows], axis=1) + 0.5
    distances = []
    for hand in hands:
        keypoints = hand.keypoints[[0, 5, 9, 13, 17]].astype(np.float64)
        length = max(float(np.linalg.norm(keypoints[2] - keypoints[0])), 1.0)
        distances.append(np.linalg.norm(pixels - keypoints.mean(axis=0), axis=1) / length)
    owners = np.argmin(distances, axis=0)
    parts = [np.zeros_like(palms) for _ in hands]
    for number, part in enumerate(parts):
        part[rows[owners == number], columns[owners == number]] = True
    return parts
