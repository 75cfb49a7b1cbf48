"""Compiled loops of structural similarity. Importing this module imports numba.

Pictures come with their channels interleaved, one row of the array a row of the picture, so that a neighbour in the
same channel is `channels` elements away and no plane has to be copied.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidkit.compiling import compiled_contracting

BOX = 7
"""Side of the uniform window."""

GAUSS = 11
"""Side of the Gaussian window."""

CHANNELS = 3
"""Of a picture; where the compiler knows it, it knows the distance of neighbours."""

_BELL = np.exp(-((np.arange(GAUSS) - GAUSS // 2) ** 2) / (2 * 1.5**2))
_WEIGHTS = (_BELL / _BELL.sum()).astype(np.float32)

# One step of a window is one addition of two rows: only so does the compiler use vector instructions.


@compiled_contracting
def _add_up(row: NDArray[np.int32], channels: int, windows: NDArray[np.int32]) -> None:
    windows[:] = 0
    for step in range(BOX):
        shifted = row[step * channels : step * channels + windows.size]
        for i in range(windows.size):
            windows[i] += shifted[i]


@compiled_contracting
def _weigh(row: NDArray[np.float32], windows: NDArray[np.float32]) -> None:
    for i in range(windows.size):
        total = np.float32(0)
        for step in range(GAUSS):
            total += _WEIGHTS[step] * row[i + step * CHANNELS]
        windows[i] = total


@compiled_contracting
def uniform(
    original: NDArray[np.uint8],
    output: NDArray[np.uint8],
    channels: int,
    constants: tuple[float, float],
    similarity: NDArray[np.float64],
) -> None:
    """SSIM with a uniform window and sample covariance, mean over the channels.

    Every sum over a window is an exact integer of 32 bits; floats begin at the final fraction.

    Args:
        original: (h, w * channels).
        output: The same shape.
        channels: How many are interleaved.
        constants: Wang's C1 and C2.
        similarity: (h - 6, w - 6), written.
    """
    rows, width = original.shape
    n = BOX * BOX
    c1, c2 = n * n * constants[0], n * (n - 1) * constants[1]
    columns = np.zeros((4, width), np.int32)  # sums over the last rows of x, y, x^2 + y^2, x y
    sum_x, sum_y, sum_squares, sum_products = columns[0], columns[1], columns[2], columns[3]
    valid = width - (BOX - 1) * channels
    windows = np.empty((4, valid), np.int32)
    line = np.empty(valid)
    for row in range(rows):
        for sign in range(-1, 2, 2):
            source = row if sign == 1 else row - BOX
            if source >= 0:
                x_row, y_row = original[source], output[source]
                for i in range(width):
                    x, y = np.int32(x_row[i]), np.int32(y_row[i])
                    sum_x[i] += sign * x
                    sum_y[i] += sign * y
                    sum_squares[i] += sign * (x * x + y * y)
                    sum_products[i] += sign * (x * y)
        if row < BOX - 1:
            continue
        for kind in range(4):
            _add_up(columns[kind], channels, windows[kind])
        for i in range(valid):
            x, y = windows[0, i], windows[1, i]
            twice = np.int32(2) * x * y
            each = x * x + y * y
            covariance = np.int32(2 * n) * windows[3, i] - twice
            variances = np.int32(n) * windows[2, i] - each
            line[i] = (twice + c1) * (covariance + c2) / ((each + c1) * (variances + c2))
        target = similarity[row - BOX + 1]
        for i in range(target.size):
            total = 0.0
            for channel in range(channels):
                total += line[i * channels + channel]
            target[i] = total / channels


@compiled_contracting
def gaussian(
    original: NDArray[np.float32],
    output: NDArray[np.float32],
    constants: tuple[float, float],
    contrast: NDArray[np.float64],
    similarity: NDArray[np.float64],
) -> None:
    """Add up contrast times structure, and SSIM, under a Gaussian window of 11 x 11 and 1.5.

    Args:
        original: (h, w * 3), values in 0..1.
        output: The same shape.
        constants: Wang's C1 and C2.
        contrast: ((w - 10) * 3,) sums over the rows, added to.
        similarity: The same for SSIM.
    """
    rows, width = original.shape
    c1, c2 = np.float32(constants[0]), np.float32(constants[1])
    two, zero = np.float32(2), np.float32(0)
    columns, windows = np.empty((4, width), np.float32), np.empty((4, contrast.size), np.float32)
    mean_x, mean_y, mean_squares, mean_products = columns[0], columns[1], columns[2], columns[3]
    for row in range(rows - GAUSS + 1):
        above_x, above_y = original[row : row + GAUSS], output[row : row + GAUSS]  # no index can be negative here
        for i in range(width):
            x, y, squares, products = zero, zero, zero, zero
            for step in range(GAUSS):
                a, b, weight = above_x[step, i], above_y[step, i], _WEIGHTS[step]
                weighted_a, weighted_b = weight * a, weight * b
                x += weighted_a
                y += weighted_b
                squares += weighted_a * a + weighted_b * b
                products += weighted_a * b
            mean_x[i], mean_y[i], mean_squares[i], mean_products[i] = x, y, squares, products
        for kind in range(4):
            _weigh(columns[kind], windows[kind])
        for i in range(contrast.size):
            x, y = windows[0, i], windows[1, i]
            twice = two * x * y
            each = x * x + y * y
            structure = (two * windows[3, i] - twice + c2) / (windows[2, i] - each + c2)
            contrast[i] += structure
            similarity[i] += structure * (twice + c1) / (each + c1)


@compiled_contracting
def halve(picture: NDArray[np.float32], halved: NDArray[np.float32]) -> None:
    """Mean of 2 x 2 pixels.

    Args:
        picture: (h, w, 3), both sides even.
        halved: (h / 2, w / 2, 3), written.
    """
    rows, columns, channels = halved.shape
    for row in range(rows):
        upper, lower, target = picture[2 * row], picture[2 * row + 1], halved[row]
        for column in range(columns):
            for channel in range(channels):
                total = upper[2 * column, channel] + upper[2 * column + 1, channel]
                total += lower[2 * column, channel]
                total += lower[2 * column + 1, channel]
                target[column, channel] = total * np.float32(0.25)
