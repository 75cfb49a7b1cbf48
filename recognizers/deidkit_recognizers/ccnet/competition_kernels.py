"""Compiled kernels for the layers after CCNet's filters, in single precision. Importing this module imports numba.

Torch needs five passes for this single one; ``benchmarks/gates.py`` measures the rate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from deidkit.compiling import compiled_contracting
from deidkit_recognizers.product_kernels import adding_products

if TYPE_CHECKING:
    from llvmlite import ir
    from numba.core.typing.context import BaseContext as Context
    from numba.core.typing.templates import Signature

FEATURES, FEATURE_LANES = 16, 16
"""Output channels of the convolution, and elements of a row that are computed side by side."""

KERNEL = 5
"""Side of the convolution's kernel."""

_add_features = adding_products(np.float32, FEATURES, FEATURE_LANES)


def _as_float(context: Context, bits: types.Type) -> tuple[Signature, Callable[..., ir.Value]]:
    """Reinterpret bits as float32."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Signature, arguments: Sequence[ir.Value]) -> ir.Value:
        return builder.bitcast(arguments[0], context.get_value_type(types.float32))

    return types.float32(types.int32), generate


_float_of: Any = intrinsic(_as_float)
_LOG2E, _LN2_HIGH, _LN2_LOW = np.float32(1.4426950408889634), np.float32(0.693359375), np.float32(-2.12194440e-4)
_SMALLEST, _ROUNDER = np.float32(-87.0), np.float32(12582912.0)
_TERMS = tuple(np.float32(1 / n) for n in (720, 120, 24, 6, 2))
_ONE = np.float32(1)


@compiled_contracting
def _raise(row: NDArray[np.float32], less: NDArray[np.float32], powers: NDArray[np.float32]) -> None:
    """exp(row - less) for non-positive arguments, to one or two units in the last place; constant below exp(-87)."""
    for i in range(powers.size):
        x = max(row[i] - less[i], _SMALLEST)
        whole = (x * _LOG2E + _ROUNDER) - _ROUNDER  # rounds to nearest: floats of this size have no fraction
        rest = (x - whole * _LN2_HIGH) - whole * _LN2_LOW
        series = _TERMS[0] * rest + _TERMS[1]
        series = series * rest + _TERMS[2]
        series = series * rest + _TERMS[3]
        series = series * rest + _TERMS[4]
        series = series * rest + _ONE
        series = series * rest + _ONE
        powers[i] = series * _float_of(np.int32((np.int32(whole) + np.int32(127)) << np.int32(23)))


# Each loop over a row is a separate, branchless function: only then does the compiler vectorize it.


@compiled_contracting
def _keep_larger(row: NDArray[np.float32], largest: NDArray[np.float32]) -> None:
    for i in range(largest.size):
        largest[i] = max(row[i], largest[i])


@compiled_contracting
def _add(row: NDArray[np.float32], sums: NDArray[np.float32]) -> None:
    for i in range(sums.size):
        sums[i] += row[i]


@compiled_contracting
def _largest(row: NDArray[np.float32], scratch: NDArray[np.float32]) -> float:
    """Maximum of a row whose length is a power of two, by halving, so that it is vectorized."""
    length = row.size // 2
    for i in range(length):
        scratch[i] = max(row[i], row[i + length])
    while length > 1:
        length //= 2
        for i in range(length):
            scratch[i] = max(scratch[i], scratch[i + length])
    return float(scratch[0])


@compiled_contracting
def _sum(row: NDArray[np.float32], scratch: NDArray[np.float32]) -> float:
    """Sum of a row, by halving like `_largest`."""
    length = row.size // 2
    for i in range(length):
        scratch[i] = row[i] + row[i + length]
    while length > 1:
        length //= 2
        for i in range(length):
            scratch[i] += scratch[i + length]
    return float(scratch[0])


@compiled_contracting
def _divide(share: np.float32, sums: NDArray[np.float32], parts: NDArray[np.float32]) -> None:
    for i in range(parts.size):
        parts[i] = share / sums[i]


@compiled_contracting
def _mix(
    across: NDArray[np.float32],
    of_place: NDArray[np.float32],
    down: NDArray[np.float32],
    of_column: NDArray[np.float32],
    along: NDArray[np.float32],
    of_row: np.float32,
    won: NDArray[np.float32],
) -> None:
    for i in range(won.size):
        won[i] = across[i] * of_place[i] + down[i] * of_column[i] + along[i] * of_row


@compiled_contracting
def _part(row: NDArray[np.float32], even: NDArray[np.float32], odd: NDArray[np.float32]) -> None:
    for i in range(row.size // 2):
        even[i], odd[i] = row[2 * i], row[2 * i + 1]


@compiled_contracting
def compete(responses: NDArray[np.float32], share: float, won: NDArray[np.float32], means: NDArray[np.float32]) -> None:
    """Softmax across filters, rows and columns.

    Args:
        responses: (n, s, s), s a power of two.
        share: Weight of the competition across filters; the rest is split between rows and columns.
        won: (n, s, 2, m), even and odd columns of the result separately; m > s / 2, of which the rest is not written.
        means: (n,) spatial means, written.
    """
    filters, side = responses.shape[0], responses.shape[1]
    places, rest = side * side, np.float32((1 - share) / 2)
    planes = responses.reshape(filters, places)
    largest, sums, of_place = np.empty(places, np.float32), np.empty(places, np.float32), np.empty(places, np.float32)
    largest[:], sums[:] = -np.inf, 0
    for number in range(filters):
        _keep_larger(planes[number], largest)
    across = np.empty((filters, places), np.float32)
    for number in range(filters):
        _raise(planes[number], largest, across[number])
        _add(across[number], sums)
    _divide(np.float32(share), sums, of_place)
    powers, of_row = np.empty((2, side, side), np.float32), np.empty(side, np.float32)
    down, along = powers[0], powers[1]
    lines = np.empty((5, side), np.float32)
    largest_down, largest_along, total, of_column, row_won = lines[0], lines[1], lines[2], lines[3], lines[4]
    for number in range(filters):
        largest_down[:], total[:] = -np.inf, 0
        for y in range(side):
            _keep_larger(responses[number, y], largest_down)
        for y in range(side):
            _raise(responses[number, y], largest_down, down[y])
            _add(down[y], total)
            largest_along[:] = _largest(responses[number, y], row_won)
            _raise(responses[number, y], largest_along, along[y])
            of_row[y] = rest / np.float32(_sum(along[y], row_won))
        _divide(rest, total, of_column)
        total[:] = 0
        for y in range(side):
            row = slice(y * side, (y + 1) * side)
            _mix(across[number, row], of_place[row], down[y], of_column, along[y], of_row[y], row_won)
            _add(row_won, total)
            _part(row_won, won[number, y, 0], won[number, y, 1])
        means[number] = _sum(total, row_won) / np.float32(places)


@compiled_contracting
def _excitement(
    means: NDArray[np.float32], squeeze: NDArray[np.float32], excite: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Weights of the filters: squeeze and excitation."""
    filters = means.size
    squeezed, weights = np.empty(filters, np.float32), np.empty(filters, np.float32)
    for i in range(filters):
        total = np.float32(0)
        for j in range(filters):
            total += squeeze[i, j] * means[j]
        squeezed[i] = max(total, np.float32(0))
    for i in range(filters):
        total = np.float32(0)
        for j in range(filters):
            total += excite[i, j] * squeezed[j]
        weights[i] = np.float32(1 / (1 + np.exp(-np.float64(total))))
    return weights


@compiled_contracting
def features_of(
    responses: NDArray[np.float32],
    share: float,
    squeeze: NDArray[np.float32],
    excite: NDArray[np.float32],
    convolution: NDArray[np.float32],
    bias: NDArray[np.float32],
    features: NDArray[np.float32],
) -> None:
    """Competition, squeeze and excitation, convolution with stride 2, and 2 x 2 max pooling.

    Args:
        responses: (n, s, s), s a power of two.
        share: See `compete`.
        squeeze: (n, n).
        excite: (n, n).
        convolution: (n, 25, FEATURES) weights, kernel positions in row-major order.
        bias: (FEATURES,).
        features: (FEATURES, t, t), t the whole part of (s - 3) / 4; written.
    """
    filters, side = responses.shape[0], responses.shape[1]
    line = side // 2 + KERNEL // 2
    won, means = np.zeros((filters, side, 2, line), np.float32), np.empty(filters, np.float32)
    compete(responses, share, won, means)
    weights = _excitement(means, squeeze, excite)
    taps = KERNEL * KERNEL
    offsets, weighed = np.empty(filters * taps, np.int64), np.empty((filters * taps, FEATURES), np.float32)
    for number in range(filters):
        for tap in range(taps):
            y, x = tap // KERNEL, tap % KERNEL
            offsets[number * taps + tap] = ((number * side + y) * 2 + x % 2) * line + x // 2
            for feature in range(FEATURES):
                weighed[number * taps + tap, feature] = convolution[number, tap, feature] * weights[number]
    convolved = np.empty((FEATURES, side // 2, side // 2), np.float32)
    pixels, found, apart = won.reshape(won.size), convolved.reshape(convolved.size), (side // 2) ** 2
    for y in range(2 * features.shape[1]):
        for x in range(0, side // 2, FEATURE_LANES):
            _add_features(pixels, 4 * y * line + x, offsets, weighed, found, y * (side // 2) + x, apart)
    for feature in range(FEATURES):
        of_feature = convolved[feature]
        for y in range(features.shape[1]):
            for x in range(features.shape[2]):
                upper = max(of_feature[2 * y, 2 * x], of_feature[2 * y, 2 * x + 1])
                lower = max(of_feature[2 * y + 1, 2 * x], of_feature[2 * y + 1, 2 * x + 1])
                features[feature, y, x] = max(upper, lower) + bias[feature]
