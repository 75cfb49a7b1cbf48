"""Compiled loop over a picture's levels. Importing this module imports numba."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidkit.compiling import compiled

Plane = NDArray[np.float32]


@compiled
def developed(
    level: NDArray[np.uint16], tone: Plane, grey: Plane, speckle: Plane, channel: int, picture: NDArray[np.uint8]
) -> None:
    """One channel of a picture: the tone of each level, with noise, in 8 bits.

    Args:
        level: (h, w).
        tone: (65536,).
        grey: (h, w) noise that all channels share.
        speckle: (h, w) the channel's own.
        channel: Which one.
        picture: (h, w, 3), written.
    """
    least, most = np.float32(0), np.float32(255)
    for row in range(level.shape[0]):
        for column in range(level.shape[1]):
            value = tone[level[row, column]] + (grey[row, column] + speckle[row, column])
            picture[row, column, channel] = np.uint8(np.rint(min(max(value, least), most)))
