"""Weighted sums of neighbours, emitted as LLVM vector instructions. Importing this module imports numba."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from llvmlite import ir
from numba import types

from deidkit.vector_steps import REGISTER_BYTES, array, intrinsic, place, vector_at

if TYPE_CHECKING:
    from numba.core.typing.context import BaseContext as Context
    from numba.core.typing.templates import Signature

LANES = REGISTER_BYTES // 4
"""Sums per vector: as many float32 as one register holds; with more, most pixel rows would not fit into registers."""

PIXELS = 8
"""Pixels per vector when halving; LLVM splits vectors that are wider than a register."""


MOVED = (1, 3, 5, 7)
"""Taps whose values are shuffled within registers; the other taps are loaded again. The mix is the fastest measured."""


def weighing(weights: Sequence[float], apart: int) -> Callable[..., None]:
    """Make an intrinsic that convolves a row with symmetric weights.

    Some taps are shuffled within registers: unaligned loads for every tap would take half as long again.

    Arguments of the intrinsic: float32 input array and index of its first value, output array and index, number of
    vectors of `LANES` sums to write. Up to `LANES` values beyond the last needed input are read.

    Args:
        weights: Odd number of symmetric weights.
        apart: Stride between the values of a sum.
    """
    half = len(weights) // 2
    registers = -(-((len(weights) - 1) * apart + LANES) // LANES)
    scalar = ir.FloatType()
    vector = ir.VectorType(scalar, LANES)

    def weigh(
        context: Context,
        row: types.Type,
        row_at: types.Type,
        found: types.Type,
        found_at: types.Type,
        count: types.Type,
    ) -> tuple[Signature, Callable[..., ir.Value]]:
        signature = types.void(row, types.int64, found, types.int64, types.int64)

        def generate(
            context: Any, builder: ir.IRBuilder, _signature: Signature, arguments: Sequence[ir.Value]
        ) -> ir.Value:
            source, target = (place(context, builder, signature, arguments, at) for at in (0, 2))
            index = arguments[4].type

            def read(first: ir.Value, register: int) -> ir.Value:
                return builder.load(
                    vector_at(builder, source, builder.add(first, ir.Constant(index, register * LANES)), vector),
                    align=4,
                )

            zero = ir.Constant(index, 0)
            first = [read(zero, register) for register in range(registers - 1)]
            before = builder.block
            loop, after = builder.append_basic_block("sums"), builder.append_basic_block("written")
            builder.branch(loop)  # a row has at least one sum
            builder.position_at_end(loop)
            number = builder.phi(index)
            held = [builder.phi(vector) for _ in first]
            sums_at = builder.mul(number, ir.Constant(index, LANES))
            held.append(read(sums_at, registers - 1))

            def moved(step: int) -> ir.Value:
                register, rest = divmod(step * apart, LANES)
                if not rest:
                    return held[register]
                if step not in MOVED:
                    return builder.load(
                        vector_at(builder, source, builder.add(sums_at, ir.Constant(index, step * apart)), vector),
                        align=4,
                    )
                places = ir.Constant(ir.VectorType(ir.IntType(32), LANES), list(range(rest, rest + LANES)))
                words = ir.VectorType(ir.IntType(32), LANES)
                a, b = builder.bitcast(held[register], words), builder.bitcast(held[register + 1], words)
                return builder.bitcast(builder.shuffle_vector(a, b, places), vector)

            total = builder.fmul(ir.Constant(vector, [weights[half]] * LANES), moved(half))
            for step in range(half):
                both = builder.fadd(moved(step), moved(len(weights) - 1 - step))
                product = builder.fmul(ir.Constant(vector, [weights[step]] * LANES), both, flags=("contract",))
                total = builder.fadd(total, product, flags=("contract",))
            builder.store(total, vector_at(builder, target, sums_at, vector), align=4)
            following = builder.add(number, ir.Constant(index, 1))
            number.add_incoming(zero, before)
            number.add_incoming(following, loop)
            for value, initial, later in zip(held, first, held[1:], strict=False):
                value.add_incoming(initial, before)
                value.add_incoming(later, loop)
            builder.cbranch(builder.icmp_signed("<", following, arguments[4]), loop, after)
            builder.position_at_end(after)
            return context.get_dummy_value()

        return signature, generate

    made: Callable[..., None] = intrinsic(weigh)
    return made


def weighing_rows(weights: Sequence[float], together: int) -> Callable[..., None]:
    """Make an intrinsic that convolves x, y, x^2 + y^2 and x y vertically, for several output rows at once.

    Squares and products that output rows share are computed once.

    Arguments of the intrinsic: float32 arrays x and y, each with the index of its first row; stride of their rows;
    output array and index; strides of its rows and of the four kinds of sums. Writes `LANES` sums per kind and row.

    Args:
        weights: Odd number of symmetric weights.
        together: Number of output rows.
    """
    half, rows = len(weights) // 2, len(weights) + together - 1
    scalar = ir.FloatType()
    vector = ir.VectorType(scalar, LANES)
    constants = [ir.Constant(vector, [weight] * LANES) for weight in weights]

    def weigh(
        context: Context,
        x: types.Type,
        x_at: types.Type,
        y: types.Type,
        y_at: types.Type,
        line: types.Type,
        found: types.Type,
        found_at: types.Type,
        row_apart: types.Type,
        kind_apart: types.Type,
    ) -> tuple[Signature, Callable[..., ir.Value]]:
        number = types.int64
        signature = types.void(x, number, y, number, number, found, number, number, number)

        def generate(
            context: Any, builder: ir.IRBuilder, _signature: Signature, arguments: Sequence[ir.Value]
        ) -> ir.Value:
            x_from, y_from, target = (place(context, builder, signature, arguments, at) for at in (0, 2, 5))
            index = arguments[4].type

            def times(apart: ir.Value, count: int) -> ir.Value:
                return builder.mul(apart, ir.Constant(index, count))

            def of_rows(base: ir.Value) -> list[ir.Value]:
                return [
                    builder.load(vector_at(builder, base, times(arguments[4], row), vector), align=4)
                    for row in range(rows)
                ]

            def plus(total: ir.Value, one: ir.Value, other: ir.Value) -> ir.Value:
                return builder.fadd(total, builder.fmul(one, other, flags=("contract",)), flags=("contract",))

            x_rows, y_rows = of_rows(x_from), of_rows(y_from)
            both = list(zip(x_rows, y_rows, strict=True))
            squares = [plus(builder.fmul(one, one, flags=("contract",)), other, other) for one, other in both]
            products = [builder.fmul(one, other) for one, other in both]
            for kind, values in enumerate((x_rows, y_rows, squares, products)):
                for row in range(together):
                    total = builder.fmul(constants[half], values[row + half])
                    for step in range(half):
                        pair = builder.fadd(values[row + step], values[row + len(weights) - 1 - step])
                        total = plus(total, constants[step], pair)
                    at = builder.add(times(arguments[7], row), times(arguments[8], kind))
                    builder.store(total, vector_at(builder, target, at, vector), align=4)
            return context.get_dummy_value()

        return signature, generate

    made: Callable[..., None] = intrinsic(weigh)
    return made


def halving(channels: int) -> Callable[..., None]:
    """Make an intrinsic that averages 2 x 2 pixels of two rows into `PIXELS` pixels.

    Arguments of the intrinsic: float32 input array, indices of both rows, output array and index.

    Args:
        channels: Values per pixel.
    """
    read = ir.VectorType(ir.FloatType(), 2 * PIXELS * channels)
    written = ir.VectorType(ir.FloatType(), PIXELS * channels)
    places = [2 * channels * pixel + channel for pixel in range(PIXELS) for channel in range(channels)]

    def halve(
        context: Context,
        rows: types.Type,
        upper: types.Type,
        lower: types.Type,
        halved: types.Type,
        halved_at: types.Type,
    ) -> tuple[Signature, Callable[..., ir.Value]]:
        signature = types.void(rows, types.int64, types.int64, halved, types.int64)

        def generate(
            context: Any, builder: ir.IRBuilder, _signature: Signature, arguments: Sequence[ir.Value]
        ) -> ir.Value:
            source, target = (array(context, builder, signature, arguments, at).data for at in (0, 3))

            def every_second(row: ir.Value, first: int) -> ir.Value:
                mask = ir.Constant(ir.VectorType(ir.IntType(32), len(places)), [at + first for at in places])
                return builder.shuffle_vector(row, ir.Constant(read, ir.Undefined), mask)

            found = [builder.load(vector_at(builder, source, at, read), align=4) for at in arguments[1:3]]
            total = builder.fadd(every_second(found[0], 0), every_second(found[0], channels))
            for first in (0, channels):
                total = builder.fadd(total, every_second(found[1], first))
            mean = builder.fmul(total, ir.Constant(written, [0.25] * len(places)))
            builder.store(mean, vector_at(builder, target, arguments[4], written), align=4)
            return context.get_dummy_value()

        return signature, generate

    made: Callable[..., None] = intrinsic(halve)
    return made
