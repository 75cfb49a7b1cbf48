"""Changing the palm and nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from deidkit.errors import SampleError
from deidkit.protocols import ROI_SIZE, Failure, HandImage, Image, Mask

Change = Callable[[Image, Mask, float], NDArray[np.uint8]]
"""Takes the smallest upright part of a picture that holds the palm with its `margin`, the palm mask there, and the
palm's unit in pixels; gives a picture of the same size, of which only what lies in the palm is used."""


def change_palms(
    images: Sequence[HandImage], seeds: Sequence[int], change: Change, margin: float = 0.0
) -> list[list[Image | Failure]]:
    """Apply a change that knows no chance to the palm of each picture; everything else stays bit for bit.

    Args:
        images: The originals.
        seeds: How many results are wanted of each; all are equal.
        change: What to do.
        margin: How far around the palm it looks, in units of `palm_unit`.

    Returns:
        As `deidkit.protocols.Engine.deidentify`; a picture without a hand or a palm gives failures.
    """
    results: list[list[Image | Failure]] = []
    for image in images:
        output = _changed(image, change, margin)
        if isinstance(output, Failure):
            results.append([output] * len(seeds))
        else:
            results.append([output, *(output.copy() for _ in seeds[1:])])
    return results


def palm_unit(palm: Mask, hands: int = 1) -> float:
    """Pixels of the picture in one 128th of a palm's size, which is the square root of its area.

    Options in this unit mean the same at any resolution; in a ready ROI of 128 x 128 pixels the unit is one pixel.

    Args:
        palm: (h, w) bool, not empty.
        hands: How many palms share the mask; they count as equally large.
    """
    return math.sqrt(np.count_nonzero(palm) / max(hands, 1)) / ROI_SIZE


def _changed(image: HandImage, change: Change, margin: float) -> Image | Failure:
    try:
        palm = image.palm_mask()
    except SampleError as error:
        return Failure("hand", str(error))
    if not palm.any():
        return Failure("hand", "the palm does not lie within the hand's mask")
    unit = palm_unit(palm, len(image.hands))
    rows, columns = (np.flatnonzero(palm.any(axis=axis)) for axis in (1, 0))
    reach = math.ceil(margin * unit)
    part = (
        slice(max(rows[0] - reach, 0), rows[-1] + 1 + reach),
        slice(max(columns[0] - reach, 0), columns[-1] + 1 + reach),
    )
    output = image.pixels.copy()
    output[part][palm[part]] = change(image.pixels[part], palm[part], unit)[palm[part]]
    return output
