"""Compiled loops of structural similarity. Importing this module imports numba.

Pictures have interleaved channels, one array row for each picture row, so that a neighbour in the same channel is
`CHANNELS` elements away and no channel has to be copied.

``benchmarks/gates.py`` measures the speedup over scikit-image and pytorch-msssim.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidkit.compiling import compiled_contracting

BOX = 7
"""Side of the uniform window, in pixels."""

CHANNELS = 3
"""Channels of a picture; a constant, so that the compiler knows the stride."""

# Each loop over a row is a separate function without branches, as otherwise the compiler does not vectorize it.


@compiled_contracting
def _update_columns(x_row: NDArray[np.uint8], y_row: NDArray[np.uint8], sign: int, columns: NDArray[np.int32]) -> None:
    """Add a row's x, y, x^2 + y^2 and x y to the column sums, or subtract them for `sign` -1."""
    factor = np.int32(sign)
    sum_x, sum_y, sum_squares, sum_products = columns[0], columns[1], columns[2], columns[3]
    for i in range(x_row.size):
        x, y = np.int32(x_row[i]), np.int32(y_row[i])
        sum_x[i] += factor * x
        sum_y[i] += factor * y
        sum_squares[i] += factor * (x * x + y * y)
        sum_products[i] += factor * (x * y)


@compiled_contracting
def _window_sums(row: NDArray[np.int32], windows: NDArray[np.int32]) -> None:
    for i in range(windows.size):
        total = np.int32(0)
        for step in range(BOX):
            total += row[i + step * CHANNELS]
        windows[i] = total


@compiled_contracting
def _exact_similarity(windows: NDArray[np.int32], constants: tuple[float, float], line: NDArray[np.float64]) -> None:
    """SSIM with sample covariance, from integer window sums of x, y, x^2 + y^2 and x y."""
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

    Window sums are exact 32-bit integers; only the final fraction is computed in floating point.

    Args:
        original: (h, w * 3).
        output: (h, w * 3).
        constants: Wang's C1 and C2.
        similarity: (h - 6, w - 6) output.
    """
    rows, width = original.shape
    valid = width - (BOX - 1) * CHANNELS
    columns, windows = np.zeros((4, width), np.int32), np.empty((4, valid), np.int32)
    line = np.empty(valid)
    for row in range(rows):
        if row >= BOX:
            _update_columns(original[row - BOX], output[row - BOX], -1, columns)
        _update_columns(original[row], output[row], 1, columns)
        if row < BOX - 1:
            continue
        for kind in range(4):
            _window_sums(columns[kind], windows[kind])
        _exact_similarity(windows, constants, line)
        _mean_of_channels(line, similarity[row - BOX + 1])
