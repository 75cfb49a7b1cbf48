"""Compiled loops of filtering where only some responses are wanted. Importing this module imports numba."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidkit.compiling import compiled
from deidkit_recognizers.code_grid import STEP
from deidkit_recognizers.product_kernels import adding_products

LANES = 32
"""Responses of a row that are made side by side for one kernel; rows are a multiple of it."""

TOGETHER, LANES_TOGETHER = 6, 8
"""Kernels that share what is read of the picture, and their responses that are made side by side: with AVX2, too, which
has 16 registers of four, their sums and a weight fit into registers."""

_add_products_of_six = adding_products(np.float64, TOGETHER, LANES_TOGETHER)
_add_products_of_one = adding_products(np.float64, 1, LANES)


@compiled
def part_columns(picture: NDArray[np.float64], before: tuple[int, int], columns: NDArray[np.float64]) -> None:
    """Write a picture into its border of zeros with its columns parted by their remainder.

    Args:
        picture: (h, w).
        before: Rows and columns of border above and to the left.
        columns: (STEP, rows, m); column c of the bordered picture is ``columns[c % STEP, :, c // STEP]``.
    """
    height, width = picture.shape
    for row in range(height):
        for remainder in range(STEP):
            target = columns[remainder, row + before[0]]
            first = (remainder - before[1]) % STEP
            place = (first + before[1]) // STEP
            for column in range(first, width, STEP):
                target[place] = picture[row, column]
                place += 1


@compiled
def filter_sampled(
    pictures: NDArray[np.float64],
    kernel_size: tuple[int, int],
    offsets: NDArray[np.int64],
    weights: NDArray[np.float64],
    found: NDArray[np.float64],
) -> None:
    """Correlate pictures with kernels, zeros outside of the picture, in every fourth row and column.

    Args:
        pictures: (groups, h, w), or (1, h, w) where all groups are of one picture.
        kernel_size: Rows and columns of the kernels.
        offsets: (taps,) how far the pixel of each weight lies behind that of the first, as `part_columns` lays them.
        weights: (groups, taps, kernels) of `TOGETHER` kernels or one.
        found: (groups, kernels, h / 4, w / 4), the last a multiple of `LANES`; written.
    """
    groups, kernels, height, width = found.shape
    rows = pictures.shape[1] + kernel_size[0] - 1
    line = width + (kernel_size[1] + STEP - 1) // STEP
    columns = np.zeros((STEP, rows, line))
    pixels, responses = columns.reshape(columns.size), found.reshape(found.size)
    apart = height * width
    for group in range(groups):
        if group < len(pictures):
            part_columns(pictures[group], (kernel_size[0] // 2, kernel_size[1] // 2), columns)
        of_group = weights[group]
        for y in range(height):
            for x in range(0, width, LANES if kernels == 1 else LANES_TOGETHER):
                start, place = y * STEP * line + x, group * kernels * apart + y * width + x
                if kernels == 1:
                    _add_products_of_one(pixels, start, offsets, of_group, responses, place, apart)
                else:
                    _add_products_of_six(pixels, start, offsets, of_group, responses, place, apart)
