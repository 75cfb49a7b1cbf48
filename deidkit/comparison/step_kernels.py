"""Compiled loops for distances that are whole numbers of steps, such as differing bits: two bytes, nothing rounded."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numpy.typing import NDArray

from deidkit.comparison.bit_counting import counted_bits
from deidkit.comparison.hamming_kernel import LANES
from deidkit.comparison.pair_kernels import DIFFERENT_IDENTITY, SAME_IDENTITY, SAME_SOURCE, copy
from deidkit.compiling import compiled
from deidkit.vector_steps import array, intrinsic, repeated, vector_at

_REGISTER = 8
"""64-bit lanes of the widest register there is."""


@intrinsic  # type: ignore[untyped-decorator]
def _count_differences(typing_context: Any, probe: Any, references: Any, counts: Any) -> Any:
    """Count the bits in which a probe differs from `LANES` references, in vector instructions of LLVM.

    Args: probe (w,) and references (w, LANES) uint64, counts (LANES,) uint16, written; all contiguous.
    """
    signature = types.void(probe, references, counts)

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        arrays = [array(context, builder, signature, arguments, at) for at in range(3)]
        probe_at, references_at, counts_at = (found.data for found in arrays)
        words = builder.extract_value(arrays[0].shape, 0)
        index = words.type
        vector, short = ir.VectorType(ir.IntType(64), _REGISTER), ir.VectorType(ir.IntType(16), _REGISTER)
        places = [ir.Constant(index, part) for part in range(0, LANES, _REGISTER)]

        def differing(word: Any, part: int) -> Any:
            probe_word = repeated(builder, builder.load(builder.gep(probe_at, [word])), vector)
            at = builder.add(builder.mul(word, ir.Constant(index, LANES)), places[part])
            return builder.xor(probe_word, builder.load(vector_at(builder, references_at, at, vector), align=8))

        totals = counted_bits(builder, words, vector, len(places), differing)
        for place, total in zip(places, totals, strict=True):
            builder.store(builder.trunc(total, short), vector_at(builder, counts_at, place, short), align=2)
        return context.get_dummy_value()

    return signature, generate


@compiled
def differing_bits(
    probes: NDArray[np.uint64], references: NDArray[np.uint64], themselves: bool, counts: NDArray[np.uint16]
) -> None:
    """Count differing bits of every probe and every reference.

    Args:
        probes: (p, w) uint64.
        references: (r, w) uint64.
        themselves: Whether the references are the probes, of which each two are compared once.
        counts: (p, r) uint16, written.
    """
    rows, words = probes.shape
    columns = len(references)
    block, line = np.zeros((words, LANES), dtype=np.uint64), np.empty(LANES, dtype=np.uint16)
    for left in range(0, columns, LANES):
        width = min(LANES, columns - left)
        for lane in range(width):
            for word in range(words):
                block[word, lane] = references[left + lane, word]
        for row in range(min(rows, left + LANES) if themselves else rows):
            if width == LANES:
                _count_differences(probes[row], block, counts[row, left : left + LANES])
            else:
                _count_differences(probes[row], block, line)
                copy(line[:width], counts[row, left:])
        if themselves:
            for column in range(left, left + width):
                for row in range(column):
                    counts[column, row] = counts[row, column]


@compiled
def count_steps(scores: NDArray[np.uint16], counts: NDArray[np.uint32]) -> None:
    """Count how often each number of steps occurs.

    Args:
        scores: (n,) below `steps`.
        counts: (4, steps) updated, in four parts: equal scores in succession need not wait for one another.
    """
    whole = len(scores) - len(scores) % 4
    for place in range(0, whole, 4):
        for part in range(4):
            counts[part, scores[place + part]] += np.uint32(1)
    for place in range(whole, len(scores)):
        counts[0, scores[place]] += np.uint32(1)


@compiled
def tally_steps(
    scores: NDArray[np.uint16],
    corner: tuple[int, int],
    within: bool,
    own: NDArray[np.int64],
    probes: NDArray[np.int32],
    references: NDArray[np.int32],
    allowed: tuple[int, int],
    slots: NDArray[np.int64],
    positions: NDArray[np.int64],
    values: NDArray[np.uint16],
    coarse: NDArray[np.uint16],
    counts: NDArray[np.int64],
    marginals: NDArray[np.uint32],
) -> bool:
    """Sort a block of scores by kind and keep each, one by one or counted.

    Arguments are those of `pair_kernels.tally`, but for `allowed`, the smallest number of steps that is let through and
    the one behind the largest; `coarse`, (steps + 1,), the place of each number of steps in the histograms of subjects;
    and `counts`, (histograms, steps + 1), updated.
    """
    rows, columns = scores.shape
    top, left = corner
    sources, others = references[0, left:], references[1, left:]
    mine = np.zeros(counts.shape[1], dtype=np.uint32)
    low, high = np.uint16(65_535), np.uint16(0)
    for index in range(rows):
        line, row = scores[index], top + index
        for column in range(columns):
            low, high = min(low, line[column]), max(high, line[column])
        if low < allowed[0] or high >= allowed[1]:
            return False
        first = min(max(row + 1 - left, 0), columns) if within else 0
        begin = min(max(own[0, row] - left, first), columns)
        end = min(max(own[1, row] - left, begin), columns)
        source, subject = probes[0, row], probes[1, row]
        for column in range(begin, end):
            kind = SAME_IDENTITY if sources[column] != source else SAME_SOURCE
            slot, score = slots[kind], line[column]
            if slot < 0:
                values[positions[kind, row]] = score
                positions[kind, row] += 1
            else:
                counts[slot, score] += 1
                marginals[slot, subject, coarse[score]] += np.uint32(1)
                marginals[slot, others[column], coarse[score]] += np.uint32(others[column] != subject)
        slot = slots[DIFFERENT_IDENTITY]
        for part in range(2):
            start, stop = (first, begin) if part == 0 else (end, columns)
            if slot < 0:
                position = positions[DIFFERENT_IDENTITY, row]
                behind = position + max(stop - start, 0)
                copy(line[start:stop], values[position:behind])
                positions[DIFFERENT_IDENTITY, row] = behind
                continue
            of_others = marginals[slot]
            for column in range(start, stop):
                score, other = line[column], others[column]
                mine[score] += np.uint32(1)
                of_others[np.uint64(np.uint32(other)), coarse[score]] += np.uint32(other != subject)
        if slot >= 0 and (index + 1 == rows or probes[1, row + 1] != subject):
            for score in range(int(low), int(high) + 1):
                often = mine[score]
                counts[slot, score] += often
                marginals[slot, subject, coarse[score]] += often
                mine[score] = 0
            low, high = np.uint16(65_535), np.uint16(0)
    return True
