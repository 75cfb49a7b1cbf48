"""Population counts of many words in LLVM vector instructions. Importing this module imports numba."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils as untyped_cgutils

from deidkit.vector_steps import Values, has, loop

_cgutils: Any = untyped_cgutils

NATIVE = has("avx512vpopcntdq")
"""Whether one instruction counts the bits of every lane. Other processors need about eight instructions, half of them
shuffles; there, four words are first added bitwise with logical instructions, so that one vector in four is counted."""

_TOGETHER = 4
"""Number of words that are added bitwise."""


Read = Callable[[ir.Value, int], ir.Value]
"""Emits the vector of a word, given by its number, and of a part."""


def counted_bits(
    builder: ir.IRBuilder, words: ir.Value, vector: ir.VectorType, parts: int, read: Read
) -> list[ir.Value]:
    """Emit loops that count the bits of every lane over some words, in the fastest way for this processor.

    Args:
        builder: Positioned where the loops go; afterwards behind them.
        words: Number of words, at least 1.
        vector: Vector type, whose lanes are counted separately.
        parts: Vectors per word.
        read: Emits the vector of a word and a part.

    Returns:
        The counts of each part.
    """
    return (counted_singly if NATIVE else counted_by_fours)(builder, words, vector, parts, read)


def counted_singly(
    builder: ir.IRBuilder, words: ir.Value, vector: ir.VectorType, parts: int, read: Read
) -> list[ir.Value]:
    """`counted_bits` where one instruction counts the bits of every lane."""
    return loop(
        builder,
        (ir.Constant(words.type, 0), words, 1),
        [ir.Constant(vector, [0] * vector.count)] * parts,
        lambda word, totals: [
            builder.add(total, _popcount(builder, read(word, part))) for part, total in enumerate(totals)
        ],
    )


def counted_by_fours(
    builder: ir.IRBuilder, words: ir.Value, vector: ir.VectorType, parts: int, read: Read
) -> list[ir.Value]:
    """`counted_bits` elsewhere."""
    none = ir.Constant(vector, [0] * vector.count)

    def plus(word: ir.Value, further: int) -> ir.Value:
        return builder.add(word, ir.Constant(words.type, further))

    found = []
    for part in range(parts):

        def add_four(word: ir.Value, state: Values, part: int = part) -> Values:
            ones, twos, fours = state
            a, b, c, d = (read(plus(word, further), part) for further in range(_TOGETHER))
            ones, one_pair = _full_adder(builder, ones, a, b)
            ones, other_pair = _full_adder(builder, ones, c, d)
            twos, carried = _full_adder(builder, twos, one_pair, other_pair)
            return [ones, twos, builder.add(fours, _popcount(builder, carried))]

        def add_one(word: ir.Value, state: Values, part: int = part) -> Values:
            return [builder.add(state[0], _popcount(builder, read(word, part)))]

        whole = builder.and_(words, ir.Constant(words.type, -_TOGETHER))
        ones, twos, fours = loop(builder, (ir.Constant(words.type, 0), whole, _TOGETHER), [none] * 3, add_four)
        total = none
        for value in (fours, _popcount(builder, twos), _popcount(builder, ones)):
            total = builder.add(builder.add(total, total), value)
        found += loop(builder, (whole, words, 1), [total], add_one)
    return found


def _popcount(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    vector = value.type
    function = _cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(vector, [vector]), f"llvm.ctpop.v{vector.count}i64"
    )
    return builder.call(function, [value])


def _full_adder(builder: ir.IRBuilder, a: ir.Value, b: ir.Value, c: ir.Value) -> tuple[ir.Value, ir.Value]:
    """Sum and carry of each bit."""
    either = builder.xor(a, b)
    return builder.xor(either, c), builder.or_(builder.and_(a, b), builder.and_(either, c))
