"""How fast this processor can compare bits at all: the loop that Hamming distances are made of, on data in L1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types

from deidkit.comparison.bit_counting import counted_bits
from deidkit.vector_steps import array, intrinsic, vector_at

_REGISTER, _COUNTERS, _WORDS = 8, 8, 2048


@intrinsic
def _count(typing_context: Any, data: Any, steps: Any) -> Any:
    """Exclusive or, and, and count over 16 KiB again and again, eight vectors of 512 bits a step."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        base = array(context, builder, signature, arguments, 0).data
        integer = ir.IntType(64)
        vector = ir.VectorType(integer, _REGISTER)

        def load(index: Any) -> Any:
            return builder.load(vector_at(builder, base, index, vector), align=8)

        probe, mask = (load(ir.Constant(integer, _WORDS + part * _REGISTER)) for part in range(2))

        def differing(step: Any, part: int) -> Any:
            at = builder.and_(
                builder.mul(step, ir.Constant(integer, _REGISTER * _COUNTERS)), ir.Constant(integer, 2047)
            )
            loaded = load(builder.add(at, ir.Constant(integer, part * _REGISTER)))
            return builder.and_(builder.xor(loaded, probe), mask)

        total, *further = counted_bits(builder, arguments[1], vector, _COUNTERS, differing)
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
    return lambda: _loop(data, vectors // _COUNTERS)
