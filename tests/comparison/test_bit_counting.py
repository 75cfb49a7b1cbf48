"""Bits counted in either way, whichever the processor at hand would take."""

from __future__ import annotations

import numpy as np
import pytest
from llvmlite import ir
from numba import njit, types

from deidkit.comparison.bit_counting import counted_bits, counted_by_fours, counted_singly
from deidkit.vector_steps import array, intrinsic, vector_at

PARTS, LANES = 3, 8


def compiled_with(counting):
    """A function that counts the bits of (words, PARTS, LANES) into (PARTS, LANES), compiled with one of the ways."""

    @intrinsic
    def count(typing_context, data, counts):
        signature = types.void(data, counts)

        def generate(context, builder, _signature, arguments):
            data, counts = (array(context, builder, signature, arguments, at) for at in range(2))
            words = builder.extract_value(data.shape, 0)
            vector = ir.VectorType(ir.IntType(64), LANES)

            def read(word, part):
                at = builder.mul(word, ir.Constant(words.type, PARTS * LANES))
                at = builder.add(at, ir.Constant(words.type, part * LANES))
                return builder.load(vector_at(builder, data.data, at, vector), align=8)

            for part, total in enumerate(counting(builder, words, vector, PARTS, read)):
                at = ir.Constant(words.type, part * LANES)
                builder.store(total, vector_at(builder, counts.data, at, vector), align=8)
            return context.get_dummy_value()

        return signature, generate

    @njit
    def run(data, counts):
        count(data, counts)

    return run


@pytest.fixture(scope="module", params=[counted_bits, counted_singly, counted_by_fours])
def count(request: pytest.FixtureRequest):
    return compiled_with(request.param)


@pytest.mark.parametrize("words", [*range(1, 10), 48, 191])
def test_bits_of_any_number_of_words_are_counted(count, words: int) -> None:
    """Sets of four words, what is left of them, and full lanes, which reach every carry."""
    rng = np.random.default_rng(words)
    bits = rng.random((words, PARTS, LANES, 64)) < rng.random((1, PARTS, LANES, 1))
    bits[:, 0, 0], bits[:, 0, 1], bits[:, 1, :, ::2] = False, True, True
    data = np.packbits(bits, axis=-1).view(np.uint64)[..., 0]
    counts = np.empty((PARTS, LANES), np.uint64)
    count(np.ascontiguousarray(data), counts)
    assert (counts[0, 0], counts[0, 1]) == (0, 64 * words)
    np.testing.assert_array_equal(counts, bits.sum(axis=(0, 3)))
