"""Steps of compiled loops that are written as vector instructions of LLVM. Importing this module imports numba."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from llvmlite import ir
from numba import types

from deidkit.vector_steps import array, intrinsic, repeated, vector_at

if TYPE_CHECKING:
    from numba.core.typing.context import BaseContext as Context
    from numba.core.typing.templates import Signature

_REGISTER_BYTES = 64
"""Of the widest register there is; LLVM splits it for processors with narrower ones."""


def adding_products(number: type[np.float32 | np.float64], kernels: int, lanes: int) -> Callable[..., None]:
    """An intrinsic that adds up products of weights and pixels for so many kernels, all sums in registers.

    Written as vector instructions of LLVM, because its optimizer keeps no block of sums out of memory.

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
            parts = range(lanes // register)

            before = builder.block
            loop, after = builder.append_basic_block("taps"), builder.append_basic_block("added")
            builder.branch(loop)  # a kernel has at least one weight
            builder.position_at_end(loop)
            tap = builder.phi(index)
            sums = [[builder.phi(vector) for _ in parts] for _ in range(kernels)]
            offset = builder.load(builder.gep(arrays[2].data, [tap]))
            row_at = builder.gep(start_at, [offset])
            seen = [
                builder.load(vector_at(builder, row_at, ir.Constant(index, part * register), vector), align=size)
                for part in parts
            ]
            weight_at = builder.gep(arrays[3].data, [builder.mul(tap, ir.Constant(index, kernels))])
            following = builder.add(tap, ir.Constant(index, 1))
            tap.add_incoming(ir.Constant(index, 0), before)
            tap.add_incoming(following, loop)
            for kernel, of_kernel in enumerate(sums):
                weight = repeated(builder, builder.load(builder.gep(weight_at, [ir.Constant(index, kernel)])), vector)
                for total, pixel in zip(of_kernel, seen, strict=True):
                    product = builder.fmul(weight, pixel, flags=("contract",))
                    total.add_incoming(ir.Constant(vector, [0.0] * register), before)
                    total.add_incoming(builder.fadd(total, product, flags=("contract",)), loop)
            added = [[total.incomings[1][0] for total in of_kernel] for of_kernel in sums]
            builder.cbranch(builder.icmp_signed("<", following, taps), loop, after)
            builder.position_at_end(after)
            found_at = arguments[5]
            for of_kernel in added:
                for part, total in enumerate(of_kernel):
                    at = builder.add(found_at, ir.Constant(index, part * register))
                    builder.store(total, vector_at(builder, arrays[4].data, at, vector), align=size)
                found_at = builder.add(found_at, arguments[6])
            return context.get_dummy_value()

        return signature, generate

    made: Callable[..., None] = intrinsic(add_products)
    return made


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
