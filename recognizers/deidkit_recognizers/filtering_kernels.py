"""Compiled loops of filtering where only some responses are wanted. Importing this module imports numba."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidkit.compiling import compiled_contracting

TAPS = 5
"""Weights that are worked off at once: five neighbours of one remainder are what a kernel of 17 columns has."""


@compiled_contracting
def filter_sampled(
    columns: NDArray[np.float64], weights: NDArray[np.float64], step: int, found: NDArray[np.float64]
) -> None:
    """Correlate a picture with kernels, in every `step`-th row and column.

    The columns of both come parted by their remainder, so that what one weight is multiplied with lies side by side.

    Args:
        columns: (step, rows, m) the picture with its border; column c is ``columns[c % step, :, c // step]``.
        weights: (k, kernel rows, step, groups, TAPS); kernel column c is ``weights[..., c % step, g, t]`` with
            ``c // step == g * TAPS + t``, zeros behind the last.
        step: Distance of the responses.
        found: (k, h, w), zeros; written.
    """
    height, width = found.shape[1:]
    for y in range(height):
        for kernel in range(weights.shape[0]):
            line = found[kernel, y]
            for row in range(weights.shape[1]):
                for remainder in range(step):
                    pixels = columns[remainder, y * step + row]
                    for group in range(weights.shape[3]):
                        part, taps = pixels[group * TAPS :], weights[kernel, row, remainder, group]
                        for x in range(width):
                            total = line[x]
                            for tap in range(TAPS):
                                total += taps[tap] * part[x + tap]
                            line[x] = total
