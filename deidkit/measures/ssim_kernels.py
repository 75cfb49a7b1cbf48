"""Compiled loops of structural similarity. Importing this module imports numba.

Pictures come with their channels interleaved, one row of the array a row of the picture, so that a neighbour in the
same channel is `channels` elements away and no plane has to be copied.

Not scikit-image's or a framework's: ``benchmarks/gates.py`` measures how many times longer those take for the same
numbers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidkit.compiling import compiled_contracting

BOX = 7
"""Side of the uniform window."""

CHANNELS = 3
"""Of a picture; where the compiler knows it, it knows the distance of neighbours."""

# Each loop over a row is a function of its own, without branches: only so does the compiler use vector instructions.


@compiled_contracting
def _take_in(x_row: NDArray[np.uint8], y_row: NDArray[np.uint8], sign: int, columns: NDArray[np.int32]) -> None:
    """Add a row's x, y, x^2 + y^2 and x y to sums over rows, or take them away."""
    factor = np.int32(sign)
    sum_x, sum_y, sum_squares, sum_products = columns[0], columns[1], columns[2], columns[3]
    for i in range(x_row.size):
        x, y = np.int32(x_row[i]), np.int32(y_row[i])
        sum_x[i] += factor * x
        sum_y[i] += factor * y
        sum_squares[i] += factor * (x * x + y * y)
        sum_products[i] += factor * (x * y)


@compiled_contracting
def _add_up(row: NDArray[np.int32], windows: NDArray[np.int32]) -> None:
    for i in range(windows.size):
        total = np.int32(0)
        for step in range(BOX):
            total += row[i + step * CHANNELS]
        windows[i] = total


@compiled_contracting
def _exact_similarity(windows: NDArray[np.int32], constants: tuple[float, float], line: NDArray[np.float64]) -> None:
    """SSIM by integer sums over windows of x, y, x^2 + y^2 and x y, with sample covariance."""
    n = BOX * BOX
    c1, c2 = n * n * constants[0], n * (n - 1) * constants[1]
    for i in range(line.size):
        x, y = windows[0, i], windows[1, i]
        twice = np.int32(2) * x * y
        each = x * x + y * y
        covariance = np.int32(2 * n) * windows[3, i] - twice
        variances = np.int32(n) * windows[2, i] - each
        line[i] = (twice + c1) * (covariance + c2) / ((each + c1) * (variances + c2))


@compiled_contracting
def _mean_of_channels(line: NDArray[np.float64], target: NDArray[np.float64]) -> None:
    for i in range(target.size):
        total = 0.0
        for channel in range(CHANNELS):
            total += line[i * CHANNELS + channel]
        target[i] = total / CHANNELS


@compiled_contracting
def uniform(
    original: NDArray[np.uint8],
    output: NDArray[np.uint8],
    constants: tuple[float, float],
    similarity: NDArray[np.float64],
) -> None:
    """SSIM with a uniform window and sample covariance, mean over the channels.

    Every sum over a window is an exact integer of 32 bits; floats begin at the final fraction.

    Args:
        original: (h, w * 3).
        output: The same shape.
        constants: Wang's C1 and C2.
        similarity: (h - 6, w - 6), written.
    """
    rows, width = original.shape
    valid = width - (BOX - 1) * CHANNELS
    columns, windows = np.zeros((4, width), np.int32), np.empty((4, valid), np.int32)
    line = np.empty(valid)
    for row in range(rows):
        if row >= BOX:
            _take_in(original[row - BOX], output[row - BOX], -1, columns)
        _take_in(original[row], output[row], 1, columns)
        if row < BOX - 1:
            continue
        for kind in range(4):
            _add_up(columns[kind], windows[kind])
        _exact_similarity(windows, constants, line)
        _mean_of_channels(line, similarity[row - BOX + 1])
