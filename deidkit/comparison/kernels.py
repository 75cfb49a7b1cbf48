"""Compiled loops of the comparison stage. Importing this module imports numba; nothing else here does."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 32
"""References compared side by side: four registers of eight 64-bit lanes where the processor has AVX-512."""


@intrinsic
def count_differences(typing_context: Any, probe: Any, masks: Any, references: Any, differences: Any) -> Any:
    """Count the bits in which a probe differs from `LANES` references under a mask.

    Written as vector instructions of LLVM, which become whatever the processor has: its loop optimizer does not find
    them by itself in a plain loop over arrays.

    Args: probe (w,), masks (w,), references (w, LANES) and differences (LANES,), all uint64 and contiguous.
    """
    signature = types.void(probe, masks, references, differences)

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        arrays = [
            context.make_array(kind)(context, builder, value)
            for kind, value in zip(signature.args, arguments, strict=True)
        ]
        probe_at, mask_at, reference_at, difference_at = (array.data for array in arrays)
        words = builder.extract_value(arrays[0].shape, 0)
        word = words.type
        lanes = 8
        vector = ir.VectorType(ir.IntType(64), lanes)
        zero = ir.Constant(vector, [0] * lanes)
        first = [ir.Constant(ir.IntType(32), lane) for lane in [0] * lanes]
        splat_mask = ir.Constant(ir.VectorType(ir.IntType(32), lanes), first)
        undefined = ir.Constant(vector, ir.Undefined)

        def splat(value: Any) -> Any:
            inserted = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
            return builder.shuffle_vector(inserted, undefined, splat_mask)

        before = builder.block
        loop = builder.append_basic_block("words")
        after = builder.append_basic_block("done")
        some = builder.icmp_signed(">", words, ir.Constant(word, 0))
        builder.cbranch(some, loop, after)
        builder.position_at_end(loop)
        index = builder.phi(word)
        index.add_incoming(ir.Constant(word, 0), before)
        counters = [builder.phi(vector) for _ in range(LANES // lanes)]
        probe_word = splat(builder.load(builder.gep(probe_at, [index])))
        mask_word = splat(builder.load(builder.gep(mask_at, [index])))
        row = builder.mul(index, ir.Constant(word, LANES))
        popcount = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(vector, [vector]), f"llvm.ctpop.v{lanes}i64"
        )
        counted = []
        for part, counter in enumerate(counters):
            counter.add_incoming(zero, before)
            at = builder.gep(reference_at, [builder.add(row, ir.Constant(word, part * lanes))])
            loaded = builder.load(builder.bitcast(at, vector.as_pointer()), align=8)
            differing = builder.and_(builder.xor(probe_word, loaded), mask_word)
            counted.append(builder.add(counter, builder.call(popcount, [differing])))
        following = builder.add(index, ir.Constant(word, 1))
        index.add_incoming(following, loop)
        for counter, new in zip(counters, counted, strict=True):
            counter.add_incoming(new, loop)
        builder.cbranch(builder.icmp_signed("<", following, words), loop, after)
        builder.position_at_end(after)
        for part, new in enumerate(counted):
            total = builder.phi(vector)
            total.add_incoming(zero, before)
            total.add_incoming(new, loop)
            counted[part] = total
        for part, total in enumerate(counted):
            at = builder.gep(difference_at, [ir.Constant(word, part * lanes)])
            builder.store(total, builder.bitcast(at, vector.as_pointer()), align=8)
        return context.get_dummy_value()

    return signature, generate


@njit(nogil=True, cache=True)
def shift_plane(plane, dy, dx, layout, shifted):
    """Shift the packed rows of one plane: bit (y, x) moves to (y + dy, x + dx); what falls outside is lost."""
    height, width, rows_per_word = layout
    full = ~np.uint64(0) >> np.uint64(64 - width)
    shifted[:] = 0
    for y in range(max(dy, 0), height + min(dy, 0)):
        source = y - dy
        row = (plane[source // rows_per_word] >> np.uint64((source % rows_per_word) * width)) & full
        row = (row << np.uint64(dx)) & full if dx >= 0 else row >> np.uint64(-dx)
        shifted[y // rows_per_word] |= row << np.uint64((y % rows_per_word) * width)


@njit(nogil=True, cache=True)
def shifted_hamming(probes, references, shifts, masks, weights, layout, distances):
    """Fill a block of distances; see `ShiftedHamming`.

    The probe is shifted, once for all references; the references lie in blocks of `LANES` with their words apart and
    their lanes together.

    Args:
        probes: (p, groups, planes, words) uint64.
        references: (blocks, groups, planes * words, LANES) uint64.
        shifts: (s, 2) int64 rows and columns.
        masks: (s, planes * words) uint64 overlap of each shift.
        weights: (s,) float64, 1 / (bits compared) of each shift.
        layout: height, width, rows in a word.
        distances: (p, blocks * LANES) float64, written.
    """
    count, groups, planes, words = probes.shape
    shifted = np.empty((shifts.shape[0], planes * words), dtype=np.uint64)
    differences = np.empty(LANES, dtype=np.uint64)
    smallest = np.empty(LANES)
    for probe in range(count):
        distances[probe, :] = 0.0
        for group in range(groups):
            for index in range(shifts.shape[0]):
                for plane in range(planes):
                    shift_plane(
                        probes[probe, group, plane],
                        shifts[index, 0],
                        shifts[index, 1],
                        layout,
                        shifted[index, plane * words : (plane + 1) * words],
                    )
            for block in range(references.shape[0]):
                smallest[:] = np.inf
                for index in range(shifts.shape[0]):
                    count_differences(shifted[index], masks[index], references[block, group], differences)
                    for lane in range(LANES):
                        smallest[lane] = min(smallest[lane], differences[lane] * weights[index])
                for lane in range(LANES):
                    distances[probe, block * LANES + lane] += smallest[lane] / groups


@njit(nogil=True, cache=True)
def classify(probe_sources, probe_identities, sources, identities, top, left, within, kinds):
    """Number the kind of each comparison of a block, -1 for one that does not count; returns how many of each."""
    totals = np.zeros(3, dtype=np.int64)
    for row in range(kinds.shape[0]):
        for column in range(kinds.shape[1]):
            if within and left + column <= top + row:
                kind = -1
            elif probe_identities[row] != identities[column]:
                kind = 2
            elif probe_sources[row] != sources[column]:
                kind = 1
            else:
                kind = 0
            kinds[row, column] = kind
            if kind >= 0:
                totals[kind] += 1
    return totals


@njit(nogil=True, cache=True)
def collect(scores, kinds, kind, probe_subjects, subjects, values, probes, references):
    """Copy the scores of one kind, row by row."""
    filled = 0
    for row in range(scores.shape[0]):
        for column in range(scores.shape[1]):
            if kinds[row, column] == kind:
                values[filled] = scores[row, column]
                probes[filled] = probe_subjects[row]
                references[filled] = subjects[column]
                filled += 1


@njit(nogil=True, cache=True)
def count(scores, kinds, kind, probe_subjects, subjects, low, high, counts, marginals, moments):
    """Count the scores of one kind into the histogram and into those of both subjects; add to the moments."""
    fine = counts.size / (high - low)
    coarse = marginals.shape[1] / (high - low)
    for row in range(scores.shape[0]):
        for column in range(scores.shape[1]):
            if kinds[row, column] == kind:
                score = scores[row, column]
                above = score - low
                counts[min(max(int(above * fine), 0), counts.size - 1)] += 1
                at = min(max(int(above * coarse), 0), marginals.shape[1] - 1)
                marginals[probe_subjects[row], at] += 1
                marginals[subjects[column], at] += 1
                moments[0] += 1.0
                moments[1] += score
                moments[2] += score * score


@njit(nogil=True, cache=True)
def nearest(scores, numbers, own, probe_sources, sources, top, left, within, smallest, own_without_source):
    """Keep the smallest distance of each probe to each identity, and to its own without its source."""
    for row in range(scores.shape[0]):
        for column in range(scores.shape[1]):
            if within and top + row == left + column:
                continue
            score = scores[row, column]
            number = numbers[column]
            if score < smallest[row, number]:
                smallest[row, number] = score
            if number == own[row] and sources[column] != probe_sources[row] and score < own_without_source[row]:
                own_without_source[row] = score
