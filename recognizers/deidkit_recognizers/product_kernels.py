"""Steps of compiled loops that are written as vector instructions of LLVM. Importing this module imports numba."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from llvmlite import ir
from numba import types

from deidkit.vector_steps import REGISTER_BYTES, REGISTERS, Values, array, intrinsic, loop, repeated, vector_at

if TYPE_CHECKING:
    from numba.core.typing.context import BaseContext as Context
    from numba.core.typing.templates import Signature

_REGISTER_BYTES = 64
"""Of the widest register there is; LLVM splits it for processors with narrower ones."""


def adding_products(number: type[np.float32 | np.float64], kernels: int, lanes: int) -> Callable[..., None]:
    """An intrinsic that adds up products of weights and pixels for so many kernels, all sums in registers.

    Written as vector instructions of LLVM, because its optimizer keeps no block of sums out of memory. Where the
    processor has no registers for all sums, they are made in several loops, each sum still in the same order.

    Its arguments: pixels (n,) and the place of the first response's first, offsets (taps,) of the others, weights
    (taps, kernels), found (m,) with the place of the first kernel's first response and how far those of two kernels
    are apart. For each kernel `lanes` responses are written.

    Args:
        number: Of pixels, weights and responses.
        kernels: How many share what is read of the pixels.
        lanes: Responses side by side, a multiple of what a register of 64 bytes holds.
    """
    scalar, size = _of(number)
    register = _REGISTER_BYTES // size
    together, beside = fitting(kernels, lanes // register)

    def add_products(
        context: Context,
        pixels: types.Type,
        start: types.Type,
        offsets: types.Type,
        weights: types.Type,
        found: types.Type,
        place: types.Type,
        apart: types.Type,
    ) -> tuple[Signature, Callable[..., ir.Value]]:
        signature = types.void(pixels, types.int64, offsets, weights, found, types.int64, types.int64)

        def generate(
            context: Any, builder: ir.IRBuilder, _signature: Signature, arguments: Sequence[ir.Value]
        ) -> ir.Value:
            arrays = {at: array(context, builder, signature, arguments, at) for at in (0, 2, 3, 4)}
            start_at = builder.gep(arrays[0].data, [arguments[1]])
            taps = builder.extract_value(arrays[2].shape, 0)
            index, vector = taps.type, ir.VectorType(scalar, register)

            def add_some(of_kernels: range, parts: range) -> None:
                block = list(product(of_kernels, parts))

                def add_tap(tap: ir.Value, sums: Values) -> Values:
                    row_at = builder.gep(start_at, [builder.load(builder.gep(arrays[2].data, [tap]))])
                    weight_at = builder.gep(arrays[3].data, [builder.mul(tap, ir.Constant(index, kernels))])
                    places = {p: vector_at(builder, row_at, ir.Constant(index, p * register), vector) for p in parts}
                    seen = {part: builder.load(at, align=size) for part, at in places.items()}
                    ones = {k: builder.load(builder.gep(weight_at, [ir.Constant(index, k)])) for k in of_kernels}
                    weights = {kernel: repeated(builder, one, vector) for kernel, one in ones.items()}
                    products = [builder.fmul(weights[k], seen[p], flags=("contract",)) for k, p in block]
                    return [builder.fadd(*pair, flags=("contract",)) for pair in zip(sums, products, strict=True)]

                none = ir.Constant(vector, [0.0] * register)
                sums = loop(builder, (ir.Constant(index, 0), taps, 1), [none] * len(block), add_tap)
                for (kernel, part), total in zip(block, sums, strict=True):
                    found_at = builder.add(arguments[5], builder.mul(arguments[6], ir.Constant(index, kernel)))
                    at = builder.add(found_at, ir.Constant(index, part * register))
                    builder.store(total, vector_at(builder, arrays[4].data, at, vector), align=size)

            for kernel in range(0, kernels, together):
                for part in range(0, lanes // register, beside):
                    add_some(range(kernel, kernel + together), range(part, part + beside))
            return context.get_dummy_value()

        return signature, generate

    made: Callable[..., None] = intrinsic(add_products)
    return made


def fitting(kernels: int, vectors: int) -> tuple[int, int]:
    """How many kernels and vectors of 64 bytes are taken together so that their sums stay in registers.

    Of the blocks that fit, the one for which least is read; the smallest where none does.

    Args:
        kernels: How many there are.
        vectors: How many for each kernel.
    """
    split = _REGISTER_BYTES // REGISTER_BYTES

    def divisors(count: int) -> list[int]:
        return [part for part in range(1, count + 1) if count % part == 0]

    def needed(together: int, held: int) -> int:
        pixels = held if together > 1 else 0  # what is used once need not be held
        return together * held + pixels + 1

    blocks = [(together, beside) for together in divisors(kernels) for beside in divisors(vectors)]
    fit = [block for block in blocks if needed(block[0], block[1] * split) <= REGISTERS]
    return min(fit or [(1, 1)], key=lambda block: (1 / block[0] + 1 / block[1] / split, -block[1]))


def combining(
    operation: Literal["fadd", "fsub"], number: type[np.float32 | np.float64], lanes: int
) -> Callable[..., None]:
    """An intrinsic that adds or subtracts so many numbers of two arrays.

    A loop of a few lanes costs as much again, for the question whether its arrays overlap.

    Its arguments: one array (n,) and the place in it, another and its place, and those of what is written.

    Args:
        operation: LLVM's name of it.
        number: Of all three arrays.
        lanes: How many are combined.
    """
    scalar, size = _of(number)

    def combine(
        context: Context,
        one: types.Type,
        one_at: types.Type,
        other: types.Type,
        other_at: types.Type,
        found: types.Type,
        place: types.Type,
    ) -> tuple[Signature, Callable[..., ir.Value]]:
        signature = types.void(one, types.int64, other, types.int64, found, types.int64)

        def generate(
            context: Any, builder: ir.IRBuilder, _signature: Signature, arguments: Sequence[ir.Value]
        ) -> ir.Value:
            vector = ir.VectorType(scalar, lanes)
            places = [
                vector_at(builder, array(context, builder, signature, arguments, at).data, arguments[at + 1], vector)
                for at in (0, 2, 4)
            ]
            one, other = (builder.load(each, align=size) for each in places[:2])
            builder.store(getattr(builder, operation)(one, other), places[2], align=size)
            return context.get_dummy_value()

        return signature, generate

    made: Callable[..., None] = intrinsic(combine)
    return made


def _of(number: type[np.float32 | np.float64]) -> tuple[ir.Type, int]:
    """LLVM's type of a number, and its bytes."""
    return (ir.FloatType() if number is np.float32 else ir.DoubleType()), np.dtype(number).itemsize
