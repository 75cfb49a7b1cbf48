"""Compiled loop that applies the tone curve and noise to a picture. Importing this module imports numba."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidkit.compiling import compiled

Plane = NDArray[np.float32]


@compiled
def developed(
    level: NDArray[np.uint16], tone: Plane, grey: Plane, speckle: Plane, channel: int, picture: NDArray[np.uint8]
) -> None:
    """Write one channel of an 8-bit picture: tone curve of each level plus noise.

    Args:
        level: (h, w) linear light.
        tone: (65536,) tone curve: linear level -> value in 0..255.
        grey: (h, w) noise common to all channels.
        speckle: (h, w) noise of this channel.
        channel: Index of the channel.
        picture: (h, w, 3) output.
    """
    least, most = np.float32(0), np.float32(255)
    for row in range(level.shape[0]):
        for column in range(level.shape[1]):
            value = tone[level[row, column]] + (grey[row, column] + speckle[row, column])
            picture[row, column, channel] = np.uint8(np.rint(min(max(value, least), most)))
