"""Changing the palm and nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from deidkit.errors import SampleError
from deidkit.protocols import ROI_SIZE, Failure, HandImage, Image, Mask

Change = Callable[[Image, Mask], NDArray[np.uint8]]
"""Takes a picture and its palm mask, gives a picture of the same size; only what lies in the palm is used."""


def change_palms(images: Sequence[HandImage], seeds: Sequence[int], change: Change) -> list[list[Image | Failure]]:
    """Apply a change that knows no chance to the palm of each picture; everything else stays bit for bit.

    Args:
        images: The originals.
        seeds: How many results are wanted of each; all are equal.
        change: What to do.

    Returns:
        As `deidkit.protocols.Engine.deidentify`; a picture without a hand gives failures.
    """
    results: list[list[Image | Failure]] = []
    for image in images:
        try:
            palm = image.palm_mask()
        except SampleError as error:
            results.append([Failure("hand", str(error))] * len(seeds))
            continue
        output = image.pixels.copy()
        output[palm] = change(image.pixels, palm)[palm]
        results.append([output.copy() for _ in seeds])
    return results


def palm_unit(palm: Mask) -> float:
    """Pixels of the picture in one 128th of the palm's size, the square root of its area.

    Options in this unit mean the same at any resolution; in a ready ROI of 128 x 128 pixels the unit is one pixel.
    """
    area = max(int(np.count_nonzero(palm)), 1)
    return math.sqrt(area) / ROI_SIZE
