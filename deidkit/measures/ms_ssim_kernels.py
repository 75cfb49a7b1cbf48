"""Compiled loops of multi-scale structural similarity. Importing this module imports numba.

Pictures are flat arrays in row-major order with interleaved channels, padded with `SPARE` values that may be read or
written, so that loops need not end within a vector.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidkit.compiling import compiled_contracting
from deidkit.measures.ssim_kernels import CHANNELS
from deidkit.measures.ssim_lane_kernels import LANES, PIXELS, halving, weighing, weighing_rows

GAUSS, SIGMA = 11, 1.5
"""Side of the Gaussian window and its standard deviation, in pixels."""

SPARE = 64

TOGETHER = 4
"""Number of output rows computed at once."""

_BELL = np.exp(-((np.arange(GAUSS) - GAUSS // 2) ** 2) / (2 * SIGMA**2))
_WEIGHTS = (_BELL / _BELL.sum()).astype(np.float32).tolist()

_weigh = weighing(_WEIGHTS, CHANNELS)
_weigh_row, _weigh_rows = weighing_rows(_WEIGHTS, 1), weighing_rows(_WEIGHTS, TOGETHER)
_halve = halving(CHANNELS)


@compiled_contracting
def as_units(picture: NDArray[np.uint8], units: NDArray[np.float32]) -> None:
    """Convert (n,) values 0..255 to -0.5..0.5 in (n + SPARE,) `units`.

    The contrast term does not depend on an offset, and smaller values lose fewer digits in mean(x^2) - mean(x)^2.
    """
    half, part = np.float32(127.5), np.float32(1 / 255)
    for i in range(picture.size):
        units[i] = (np.float32(picture[i]) - half) * part


@compiled_contracting
def _add_contrast(
    x_means: NDArray[np.float32],
    y_means: NDArray[np.float32],
    squares: NDArray[np.float32],
    products: NDArray[np.float32],
    c2: np.float32,
    sums: NDArray[np.float64],
) -> None:
    """Add SSIM's contrast-structure term to `sums`, from weighted means of x, y, x^2 + y^2 and x y."""
    two = np.float32(2)
    for i in range(sums.size):
        x, y = x_means[i], y_means[i]
        twice, each = two * x * y, x * x + y * y
        sums[i] += (two * products[i] - twice + c2) / (squares[i] - each + c2)


@compiled_contracting
def _add_similarity(
    x_means: NDArray[np.float32],
    y_means: NDArray[np.float32],
    squares: NDArray[np.float32],
    products: NDArray[np.float32],
    constants: tuple[np.float32, np.float32],
    sums: NDArray[np.float64],
) -> None:
    """Add SSIM with its luminance term to `sums`; see `_add_contrast`."""
    two, half, c1, c2 = np.float32(2), np.float32(0.5), constants[0], constants[1]
    for i in range(sums.size):
        x, y = x_means[i], y_means[i]
        contrast = (two * products[i] - two * x * y + c2) / (squares[i] - (x * x + y * y) + c2)
        x, y = x + half, y + half
        sums[i] += contrast * (two * x * y + c1) / (x * x + y * y + c1)


@compiled_contracting
def gaussian(
    original: NDArray[np.float32],
    output: NDArray[np.float32],
    rows: int,
    constants: tuple[float, float],
    whole: bool,
    sums: NDArray[np.float64],
) -> None:
    """Sum SSIM, or only its contrast-structure term, with a Gaussian window of 11 x 11 pixels and sigma 1.5.

    Args:
        original: (h * w * 3 + SPARE,), values in -0.5..0.5; may be longer.
        output: Same layout.
        rows: Height h.
        constants: Wang's C1 and C2.
        whole: Whether to include the luminance term.
        sums: ((w - 10) * 3,) sums over rows, updated in place.
    """
    width = sums.size + (GAUSS - 1) * CHANNELS
    line = (width + LANES - 1) // LANES * LANES
    columns, windows = np.empty(TOGETHER * 4 * line + SPARE, np.float32), np.empty((4, line), np.float32)
    vectors = (sums.size + LANES - 1) // LANES
    c1, c2 = np.float32(constants[0]), np.float32(constants[1])
    top = 0
    while top <= rows - GAUSS:
        together = TOGETHER if top + TOGETHER <= rows - GAUSS + 1 else 1
        for i in range(0, width, LANES):
            at = top * width + i
            if together == TOGETHER:
                _weigh_rows(original, at, output, at, width, columns, i, 4 * line, line)
            else:
                _weigh_row(original, at, output, at, width, columns, i, 4 * line, line)
        for row in range(together):
            for kind in range(4):
                _weigh(columns, (row * 4 + kind) * line, windows[kind], 0, vectors)
            if whole:
                _add_similarity(windows[0], windows[1], windows[2], windows[3], (c1, c2), sums)
            else:
                _add_contrast(windows[0], windows[1], windows[2], windows[3], c2, sums)
        top += together


@compiled_contracting
def halve(picture: NDArray[np.float32], width: int, rows: int, halved: NDArray[np.float32]) -> None:
    """Downsample by averaging 2 x 2 pixels.

    Args:
        picture: (2 rows * w * 3 + SPARE,); may be longer.
        width: Width w; if it is odd, the last column is dropped.
        rows: Number of output rows.
        halved: (rows * (w // 2) * 3 + SPARE,) output; may be longer.
    """
    line, half = width * CHANNELS, width // 2 * CHANNELS
    for row in range(rows):
        upper = 2 * row * line
        for column in range(0, half, CHANNELS * PIXELS):
            _halve(picture, upper + 2 * column, upper + line + 2 * column, halved, row * half + column)
