"""Compiled loops of filtering where only some responses are wanted. Importing this module imports numba."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic as untyped_intrinsic
from numpy.typing import NDArray

from deidkit.compiling import compiled
from deidkit_recognizers.code_grid import STEP

if TYPE_CHECKING:
    from numba.core.typing.context import BaseContext as Context
    from numba.core.typing.templates import Signature

intrinsic: Any = untyped_intrinsic  # of which mypy would keep the arguments of its first step only

LANES = 32
"""Responses of a row that are made side by side for one kernel; rows are a multiple of it."""

TOGETHER, LANES_TOGETHER = 6, 8
"""Kernels that share what is read of the picture, and their responses that are made side by side: with AVX2, too, which
has 16 registers of four, their sums and a weight fit into registers."""

_REGISTER = 8
"""Numbers of the widest register there is; LLVM splits it for processors with narrower ones."""


def _products(kernels: int, lanes: int) -> Callable[..., None]:
    """An intrinsic that adds up products of weights and pixels for so many kernels, all sums in registers.

    Written as vector instructions of LLVM, because its optimizer keeps no block of sums out of memory.

    Its arguments: pixels (n,) and the place of the first response's first, offsets (taps,) of the others, weights
    (taps, kernels), found (m,) with the place of the first kernel's first response and how far those of two kernels
    are apart. For each kernel `lanes` responses are written.
    """

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
            arrays = {
                place: context.make_array(signature.args[place])(context, builder, arguments[place])
                for place in (0, 2, 3, 4)
            }
            start_at = builder.gep(arrays[0].data, [arguments[1]])
            taps = builder.extract_value(arrays[2].shape, 0)
            index, vector = taps.type, ir.VectorType(ir.DoubleType(), _REGISTER)
            parts = range(lanes // _REGISTER)

            def vector_at(base: ir.Value, place: ir.Value) -> ir.Value:
                return builder.bitcast(builder.gep(base, [place]), vector.as_pointer())

            def repeated(value: ir.Value) -> ir.Value:
                undefined = ir.Constant(vector, ir.Undefined)
                first = ir.Constant(ir.VectorType(ir.IntType(32), _REGISTER), [0] * _REGISTER)
                held = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
                return builder.shuffle_vector(held, undefined, first)

            before = builder.block
            loop, after = builder.append_basic_block("taps"), builder.append_basic_block("added")
            builder.branch(loop)  # a kernel has at least one weight
            builder.position_at_end(loop)
            tap = builder.phi(index)
            sums = [[builder.phi(vector) for _ in parts] for _ in range(kernels)]
            offset = builder.load(builder.gep(arrays[2].data, [tap]))
            row_at = builder.gep(start_at, [offset])
            seen = [builder.load(vector_at(row_at, ir.Constant(index, part * _REGISTER)), align=8) for part in parts]
            weight_at = builder.gep(arrays[3].data, [builder.mul(tap, ir.Constant(index, kernels))])
            following = builder.add(tap, ir.Constant(index, 1))
            tap.add_incoming(ir.Constant(index, 0), before)
            tap.add_incoming(following, loop)
            for kernel, of_kernel in enumerate(sums):
                weight = repeated(builder.load(builder.gep(weight_at, [ir.Constant(index, kernel)])))
                for total, pixel in zip(of_kernel, seen, strict=True):
                    product = builder.fmul(weight, pixel, flags=("contract",))
                    total.add_incoming(ir.Constant(vector, [0.0] * _REGISTER), before)
                    total.add_incoming(builder.fadd(total, product, flags=("contract",)), loop)
            added = [[total.incomings[1][0] for total in of_kernel] for of_kernel in sums]
            builder.cbranch(builder.icmp_signed("<", following, taps), loop, after)
            builder.position_at_end(after)
            found_at = arguments[5]
            for of_kernel in added:
                for part, total in enumerate(of_kernel):
                    at = builder.add(found_at, ir.Constant(index, part * _REGISTER))
                    builder.store(total, vector_at(arrays[4].data, at), align=8)
                found_at = builder.add(found_at, arguments[6])
            return context.get_dummy_value()

        return signature, generate

    made: Callable[..., None] = intrinsic(add_products)
    return made


_add_products_of_six, _add_products_of_one = _products(TOGETHER, LANES_TOGETHER), _products(1, LANES)


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
