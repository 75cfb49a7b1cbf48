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

GAUSS = 11
"""Side of the Gaussian window."""

CHANNELS = 3
"""Of a picture; where the compiler knows it, it knows the distance of neighbours."""

_BELL = np.exp(-((np.arange(GAUSS) - GAUSS // 2) ** 2) / (2 * 1.5**2))
_WEIGHTS = (_BELL / _BELL.sum()).astype(np.float32)

# Each loop over a row is a function of its own, without branches: only so does the compiler use vector instructions.


@compiled_contracting
def as_units(picture: NDArray[np.uint8], units: NDArray[np.float32]) -> None:
    """Values of 0..255 as 0..1; both (n,)."""
    for i in range(picture.size):
        units[i] = np.float32(picture[i]) / np.float32(255)


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


@compiled_contracting
def _weigh_rows(above_x: NDArray[np.float32], above_y: NDArray[np.float32], columns: NDArray[np.float32]) -> None:
    """Weighted sums over rows of x, y, x^2 + y^2 and x y."""
    zero = np.float32(0)
    mean_x, mean_y, mean_squares, mean_products = columns[0], columns[1], columns[2], columns[3]
    for i in range(mean_x.size):
        x, y, squares, products = zero, zero, zero, zero
        for step in range(GAUSS):
            a, b, weight = above_x[step, i], above_y[step, i], _WEIGHTS[step]
            weighted_a, weighted_b = weight * a, weight * b
            x += weighted_a
            y += weighted_b
            squares += weighted_a * a + weighted_b * b
            products += weighted_a * b
        mean_x[i], mean_y[i], mean_squares[i], mean_products[i] = x, y, squares, products


@compiled_contracting
def _weigh(row: NDArray[np.float32], windows: NDArray[np.float32]) -> None:
    for i in range(windows.size):
        total = np.float32(0)
        for step in range(GAUSS):
            total += _WEIGHTS[step] * row[i + step * CHANNELS]
        windows[i] = total


@compiled_contracting
def _compare_means(windows: NDArray[np.float32], c1: np.float32, c2: np.float32) -> None:
    """Weighted means of x, y, x^2 + y^2 and x y: write contrast times structure over the third, SSIM over the last.

    In their place, because the compiler makes no vector instructions for more arrays that may overlap.
    """
    two = np.float32(2)
    x_means, y_means, contrast, similarity = windows[0], windows[1], windows[2], windows[3]
    for i in range(contrast.size):
        x, y = x_means[i], y_means[i]
        twice = two * x * y
        each = x * x + y * y
        structure = (two * similarity[i] - twice + c2) / (contrast[i] - each + c2)
        contrast[i] = structure
        similarity[i] = structure * (twice + c1) / (each + c1)


@compiled_contracting
def _add(line: NDArray[np.float32], sums: NDArray[np.float64]) -> None:
    for i in range(sums.size):
        sums[i] += line[i]


@compiled_contracting
def gaussian(
    original: NDArray[np.float32],
    output: NDArray[np.float32],
    constants: tuple[float, float],
    whole: bool,
    sums: NDArray[np.float64],
) -> None:
    """Add up SSIM, or its contrast times structure alone, under a Gaussian window of 11 x 11 and 1.5.

    Args:
        original: (h, w * 3), values in 0..1.
        output: The same shape.
        constants: Wang's C1 and C2.
        whole: Whether the luminance counts, too.
        sums: ((w - 10) * 3,) sums over the rows, added to.
    """
    rows, width = original.shape
    columns, windows = np.empty((4, width), np.float32), np.empty((4, sums.size), np.float32)
    c1, c2 = np.float32(constants[0]), np.float32(constants[1])
    for row in range(rows - GAUSS + 1):
        _weigh_rows(original[row : row + GAUSS], output[row : row + GAUSS], columns)
        for kind in range(4):
            _weigh(columns[kind], windows[kind])
        _compare_means(windows, c1, c2)
        _add(windows[3 if whole else 2], sums)


@compiled_contracting
def _add_neighbours(upper: NDArray[np.float32], lower: NDArray[np.float32], means: NDArray[np.float32]) -> None:
    """Means of each 2 x 2 pixels of two rows, of which every second one is wanted: this becomes vector instructions."""
    for i in range(means.size):
        total = upper[i] + upper[i + CHANNELS]
        total += lower[i]
        total += lower[i + CHANNELS]
        means[i] = total * np.float32(0.25)


@compiled_contracting
def _every_second(means: NDArray[np.float32], target: NDArray[np.float32]) -> None:
    for column in range(target.size // CHANNELS):
        for channel in range(CHANNELS):
            target[column * CHANNELS + channel] = means[2 * column * CHANNELS + channel]


@compiled_contracting
def halve(picture: NDArray[np.float32], halved: NDArray[np.float32]) -> None:
    """Mean of 2 x 2 pixels.

    Args:
        picture: (h, w * 3), both sides even.
        halved: (h / 2, w / 2 * 3), written.
    """
    means = np.empty(picture.shape[1] - CHANNELS, np.float32)
    for row in range(len(halved)):
        _add_neighbours(picture[2 * row], picture[2 * row + 1], means)
        _every_second(means, halved[row])
