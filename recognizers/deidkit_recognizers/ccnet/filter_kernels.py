"""Compiled filtering with a bank of symmetric filters, in single precision. Importing this module imports numba.

Torch's convolutions do not exploit the filters' symmetry; ``benchmarks/gates.py`` measures the rate.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidkit.compiling import compiled_contracting
from deidkit_recognizers.product_kernels import adding_products, combining

TOGETHER, LANES = 5, 64
"""Filters that share loaded pixels, and responses that are computed side by side."""

ROW = 32
"""Elements of a row that are summed at once: half of a row of responses, or all of it."""

_add_rows, _subtract_rows = combining("fadd", np.float32, ROW), combining("fsub", np.float32, ROW)
_add_filtered = adding_products(np.float32, TOGETHER, LANES)


@compiled_contracting
def filter_symmetric(
    picture: NDArray[np.float32],
    half: int,
    even: NDArray[np.float32],
    odd: NDArray[np.float32],
    responses: NDArray[np.float32],
) -> None:
    """Correlate a zero-padded picture with a bank of symmetric filters, in every second row and column.

    Each filter is symmetric under half a turn, and each has a mirrored counterpart. So four pixels mirrored about the
    centre are summed in two ways, once for all filters, and each sum meets one weight for two filters: a quarter of
    the products.

    Args:
        picture: (s, s), s being 128 or 64.
        half: The filters' side is 2 half + 1.
        even: (groups, taps, TOGETHER) weights of the sums, (half + 1)^2 taps: of the filters 0 .. n / 2.
        odd: The same of the differences: of the filters 1 .. (n - 1) / 2.
        responses: (n, s / 2, s / 2), written; filter n - i is the mirror image of filter i.
    """
    filters, side = responses.shape[0], responses.shape[1]
    taps, groups, side_groups = even.shape[1], even.shape[0], odd.shape[0]
    line = (side + half + ROW) // ROW * ROW  # of the even columns of a row, and of the odd ones
    parted = np.zeros((2 * side + 2 * half) * 2 * line, np.float32)
    for y in range(2 * side):
        for x in range(2 * side):
            parted[((y + half) * 2 + (x + half) % 2) * line + (x + half) // 2] = picture[y, x]
    row_sums, row_differences = np.empty(2 * line, np.float32), np.empty(2 * line, np.float32)
    sums, differences = np.empty(taps * LANES, np.float32), np.empty(taps * LANES, np.float32)
    of_even = np.empty(groups * TOGETHER * LANES, np.float32)
    of_odd = np.empty(side_groups * TOGETHER * LANES, np.float32)
    offsets, found = np.arange(taps) * LANES, responses.reshape(responses.size)
    for first in range(0, side * side, LANES):  # of the responses, in the order of reading
        for lane in range(0, LANES, ROW):
            row, column = (first + lane) // side, (first + lane) % side
            for y in range(half + 1):
                below, above = (2 * row + half + y) * 2 * line, (2 * row + half - y) * 2 * line
                for at in range(0, 2 * line, ROW):
                    _add_rows(parted, below + at, parted, above + at, row_sums, at)
                    _subtract_rows(parted, below + at, parted, above + at, row_differences, at)
                for x in range(half + 1):
                    of_parity = (half + x) % 2 * line + column
                    right, left = of_parity + (half + x) // 2, of_parity + (half - x) // 2
                    tap_at = (y * (half + 1) + x) * LANES + lane
                    _add_rows(row_sums, right, row_sums, left, sums, tap_at)
                    _subtract_rows(row_differences, right, row_differences, left, differences, tap_at)
        for group in range(groups):
            _add_filtered(sums, 0, offsets, even[group], of_even, group * TOGETHER * LANES, LANES)
        for group in range(side_groups):
            _add_filtered(differences, 0, offsets, odd[group], of_odd, group * TOGETHER * LANES, LANES)
        for number in range(filters // 2 + 1):
            place, mirrored = number * side * side + first, (filters - number) * side * side + first
            if number == 0 or 2 * number == filters:
                for lane in range(LANES):
                    found[place + lane] = of_even[number * LANES + lane]
                continue
            for lane in range(0, LANES, ROW):
                even_at, odd_at = number * LANES + lane, (number - 1) * LANES + lane
                _add_rows(of_even, even_at, of_odd, odd_at, found, place + lane)
                _subtract_rows(of_even, even_at, of_odd, odd_at, found, mirrored + lane)
