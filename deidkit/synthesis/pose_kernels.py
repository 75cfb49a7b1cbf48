"""Compiled loop over points and bone axes. Importing this module imports numba."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidkit.compiling import compiled


@compiled
def distances(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    segments: NDArray[np.float64],
    radii: NDArray[np.float64],
    owners: NDArray[np.int64],
    nearest: NDArray[np.float64],
) -> None:
    """Distance of each point from the flesh of each bone; negative inside of it.

    Args:
        x: (n,) coordinates.
        y: (n,) coordinates.
        segments: (s, 2, 2) ends of the axes.
        radii: (s,) radius of the flesh around each axis.
        owners: (s,) index of the bone of each axis.
        nearest: (b, n) distances, initially infinite, updated to the minimum over axes.
    """
    for number in range(len(segments)):
        start_x, start_y = segments[number, 0, 0], segments[number, 0, 1]
        along_x, along_y = segments[number, 1, 0] - start_x, segments[number, 1, 1] - start_y
        squared, radius, line = along_x * along_x + along_y * along_y, radii[number], nearest[owners[number]]
        for i in range(len(x)):
            dx, dy = x[i] - start_x, y[i] - start_y
            part = min(max((along_x * dx + along_y * dy) / squared, 0.0), 1.0)
            dx -= part * along_x
            dy -= part * along_y
            line[i] = min(line[i], np.sqrt(dx * dx + dy * dy) - radius)
