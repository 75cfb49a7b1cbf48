"""Compiled loops of filtering where only some responses are wanted. Importing this module imports numba."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidkit.compiling import compiled_contracting


@compiled_contracting
def filter_sampled(
    columns: NDArray[np.float64], kernels: NDArray[np.float64], step: int, found: NDArray[np.float64]
) -> None:
    """Correlate a picture with kernels, in every `step`-th row and column.

    The picture's columns come parted by their remainder, so that what one weight of a kernel is multiplied with lies
    side by side.

    Args:
        columns: (step, rows, m) the picture with its border; column c is ``columns[c % step, :, c // step]``.
        kernels: (k, kernel rows, kernel columns).
        step: Distance of the responses.
        found: (k, h, w), zeros; written.
    """
    height, width = found.shape[1:]
    for y in range(height):
        for row in range(kernels.shape[1]):
            for column in range(kernels.shape[2]):
                start = column // step
                part = columns[column % step, y * step + row, start : start + width]
                for kernel in range(kernels.shape[0]):
                    weight, line = kernels[kernel, row, column], found[kernel, y]
                    for x in range(width):
                        line[x] += weight * part[x]
