"""Freckles and moles: dark spots that are not lines."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit_engines.resynth.pyramid import Layers

WORKING_WIDTH = 160.0
"""Pixels per palm width at which spots are detected."""
LENGTH = 0.045
"""Length, in palm widths, from which a dark structure is a line rather than a spot."""
FAINTEST = 0.06
"""Log depth of a spot below which it is noise."""
DIRECTIONS = 12


def spots_of(colours: Layers, width: float) -> Layers:
    """How much darker spots make each pixel.

    A morphological closing fills a dark structure along any direction in which it is short. A spot is short in all
    directions and is filled by each; a line is long in one of them.

    Args:
        colours: (h, w, 3) float32, logarithms of colour.
        width: Palm width in pixels.

    Returns:
        (h, w, 3) float32 differences of logarithms, 0 or negative.
    """
    scale = min(1.0, WORKING_WIDTH / width)
    size = (max(round(colours.shape[1] * scale), 1), max(round(colours.shape[0] * scale), 1))
    small = cv2.resize(colours, size, interpolation=cv2.INTER_AREA)
    closed = [
        cv2.morphologyEx(small, cv2.MORPH_CLOSE, _line(LENGTH * width * scale, np.pi * number / DIRECTIONS))
        for number in range(DIRECTIONS)
    ]
    depth = np.minimum(small - np.minimum.reduce(closed) + np.float32(FAINTEST), 0)
    return np.asarray(cv2.resize(depth, colours.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def _line(length: float, angle: float) -> NDArray[np.uint8]:
    """A straight structuring element."""
    half = max(length / 2, 1.0)
    reach = int(np.ceil(half))
    element = np.zeros((2 * reach + 1, 2 * reach + 1), np.uint8)
    x, y = round(half * np.cos(angle)), round(half * np.sin(angle))
    cv2.line(element, (reach - x, reach - y), (reach + x, reach + y), 1)
    return element
