"""How fast this processor can compare bits at all: the loop that Hamming distances are made of, on data in L1.

It shares no step with deidkit's own loops, so that these do not slow it down when they become slower.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from deidkit.vector_steps import has

_REGISTER, _VECTORS, _WORDS = 8, 8, 2048
_SINGLY = has("avx512vpopcntdq")
"""Whether one instruction counts the bits of a vector; elsewhere one in four is counted, the sum of four bit by bit."""


@intrinsic
def _count(typing_context: Any, data: Any, steps: Any) -> Any:
    """Exclusive or, and, and count over 16 KiB again and again, eight vectors of 512 bits a step."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        base = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        integer = ir.IntType(64)
        vector = ir.VectorType(integer, _REGISTER)
        function = ir.FunctionType(vector, [vector])
        popcount = cgutils.get_or_insert_function(builder.module, function, "llvm.ctpop.v8i64")

        def load(index: Any) -> Any:
            return builder.load(builder.bitcast(builder.gep(base, [index]), vector.as_pointer()), align=8)

        def bits(value: Any) -> Any:
            return builder.call(popcount, [value])

        def full_adder(a: Any, b: Any, c: Any) -> tuple[Any, Any]:
            either = builder.xor(a, b)
            return builder.xor(either, c), builder.or_(builder.and_(a, b), builder.and_(either, c))

        probe, mask = (load(ir.Constant(integer, _WORDS + part * _REGISTER)) for part in range(2))
        before = builder.block
        loop, after = builder.append_basic_block("loop"), builder.append_basic_block("after")
        builder.branch(loop)
        builder.position_at_end(loop)
        step = builder.phi(integer)
        states = [builder.phi(vector) for _ in range(_VECTORS if _SINGLY else 3)]
        at = builder.and_(builder.mul(step, ir.Constant(integer, _REGISTER * _VECTORS)), ir.Constant(integer, 2047))
        differing = []
        for part in range(_VECTORS):
            loaded = load(builder.add(at, ir.Constant(integer, part * _REGISTER)))
            differing.append(builder.and_(builder.xor(loaded, probe), mask))
        if _SINGLY:
            later = [builder.add(state, bits(found)) for state, found in zip(states, differing, strict=True)]
        else:
            ones, twos, fours = states
            for first in range(0, _VECTORS, 4):
                a, b, c, d = differing[first : first + 4]
                ones, pair = full_adder(ones, a, b)
                ones, other = full_adder(ones, c, d)
                twos, carried = full_adder(twos, pair, other)
                fours = builder.add(fours, bits(carried))
            later = [ones, twos, fours]
        following = builder.add(step, ir.Constant(integer, 1))
        for phi, again in zip([step, *states], [following, *later], strict=True):
            phi.add_incoming(ir.Constant(phi.type, None), before)  # zero
            phi.add_incoming(again, loop)
        builder.cbranch(builder.icmp_signed("<", following, arguments[1]), loop, after)
        builder.position_at_end(after)
        if _SINGLY:
            total, *further = later
        else:
            twice = bits(twos)
            four_times = builder.shl(fours, ir.Constant(vector, [2] * _REGISTER))
            total, further = bits(ones), [twice, twice, four_times]
        for count in further:
            total = builder.add(total, count)
        result = ir.Constant(integer, 0)
        for lane in range(_REGISTER):
            result = builder.add(result, builder.extract_element(total, ir.Constant(ir.IntType(32), lane)))
        return result

    return types.uint64(data, types.int64), generate


@njit(nogil=True)
def _loop(data: np.ndarray, steps: int) -> int:
    return _count(data, steps)


def popcount_loop(vectors: int) -> Callable[[], object]:
    """A function that compares so many vectors of 512 bits."""
    memory = np.zeros((_WORDS + 2 * _REGISTER) * 8 + 64, dtype=np.uint8)
    start = -memory.ctypes.data % 64
    data = memory[start : start + (_WORDS + 2 * _REGISTER) * 8].view(np.uint64)
    data[:] = np.random.default_rng(0).integers(0, 2**63, data.size, dtype=np.uint64)
    differing = np.bitwise_count((data[:_WORDS] ^ np.tile(data[_WORDS : _WORDS + 8], 256)) & np.tile(data[-8:], 256))
    assert _loop(data, _WORDS // 64) == differing.sum()
    return lambda: _loop(data, vectors // _VECTORS)
