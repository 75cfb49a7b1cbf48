"""How fast this processor can compare bits at all: the loop that Hamming distances are made of, on data in L1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

_REGISTER, _COUNTERS, _WORDS = 8, 8, 2048


@intrinsic
def _count(typing_context: Any, data: Any, steps: Any) -> Any:
    """Exclusive or, and, popcount and add over 16 KiB again and again, eight vectors of 512 bits a step."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        base = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        integer = ir.IntType(64)
        vector = ir.VectorType(integer, _REGISTER)
        function = ir.FunctionType(vector, [vector])
        popcount = cgutils.get_or_insert_function(builder.module, function, "llvm.ctpop.v8i64")

        def load(index: Any) -> Any:
            return builder.load(builder.bitcast(builder.gep(base, [index]), vector.as_pointer()), align=8)

        probe, mask = (load(ir.Constant(integer, _WORDS + part * _REGISTER)) for part in range(2))
        before = builder.block
        loop, after = builder.append_basic_block("loop"), builder.append_basic_block("after")
        builder.branch(loop)
        builder.position_at_end(loop)
        step = builder.phi(integer)
        counters = [builder.phi(vector) for _ in range(_COUNTERS)]
        at = builder.and_(builder.mul(step, ir.Constant(integer, _REGISTER * _COUNTERS)), ir.Constant(integer, 2047))
        following = builder.add(step, ir.Constant(integer, 1))
        counts = []
        for part, counter in enumerate(counters):
            loaded = load(builder.add(at, ir.Constant(integer, part * _REGISTER)))
            differing = builder.and_(builder.xor(loaded, probe), mask)
            counts.append(builder.add(counter, builder.call(popcount, [differing])))
            counter.add_incoming(ir.Constant(vector, [0] * _REGISTER), before)
            counter.add_incoming(counts[-1], loop)
        step.add_incoming(ir.Constant(integer, 0), before)
        step.add_incoming(following, loop)
        builder.cbranch(builder.icmp_signed("<", following, arguments[1]), loop, after)
        builder.position_at_end(after)
        total = counts[0]
        for count in counts[1:]:
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
    return lambda: _loop(data, vectors // _COUNTERS)
