"""Compiled loops of the shifted Hamming distance."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numpy.typing import NDArray

from deidkit.comparison.bit_counting import counted_bits
from deidkit.compiling import compiled
from deidkit.vector_steps import array, intrinsic, repeated, vector_at

LANES = 32
"""References compared side by side: four registers of eight 64-bit lanes where the processor has AVX-512."""

TILE_WORDS = 2**14
"""64-bit words of shifted probes that are at hand: an eighth of a second-level cache of one megabyte."""

_REGISTER = 8
"""64-bit lanes of the widest register there is; LLVM splits it for processors with narrower ones."""


@intrinsic  # type: ignore[untyped-decorator]
def keep_smallest(typing_context: Any, probe: Any, mask: Any, references: Any, weight: Any, smallest: Any) -> Any:
    """Count the bits in which a probe differs from `LANES` references under a mask; keep weight * count if smaller.

    Written as vector instructions of LLVM, because its optimizer does not find them in a loop over arrays: exclusive
    or and mask become one instruction, counting and adding one each, and no sum crosses the lanes of a register.

    Args: probe (w,), mask (w,) and references (w, LANES) uint64, weight float64, smallest (LANES,) float64, updated;
    all contiguous.
    """
    signature = types.void(probe, mask, references, types.float64, smallest)

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        arrays = {at: array(context, builder, signature, arguments, at) for at in (0, 1, 2, 4)}
        probe_at, mask_at, references_at, smallest_at = (found.data for found in arrays.values())
        words = builder.extract_value(arrays[0].shape, 0)
        index_type = words.type
        integers = ir.VectorType(ir.IntType(64), _REGISTER)
        floats = ir.VectorType(ir.DoubleType(), _REGISTER)
        parts = range(LANES // _REGISTER)

        def differing(word: Any, part: int) -> Any:
            probe_word, mask_word = (
                repeated(builder, builder.load(builder.gep(at, [word])), integers) for at in (probe_at, mask_at)
            )
            column = builder.add(
                builder.mul(word, ir.Constant(index_type, LANES)), ir.Constant(index_type, part * _REGISTER)
            )
            loaded = builder.load(vector_at(builder, references_at, column, integers), align=8)
            return builder.and_(builder.xor(probe_word, loaded), mask_word)

        counts = counted_bits(builder, words, integers, len(parts), differing)
        weights = repeated(builder, arguments[3], floats)
        for part, count in zip(parts, counts, strict=True):
            kept_at = vector_at(builder, smallest_at, ir.Constant(index_type, part * _REGISTER), floats)
            kept = builder.load(kept_at, align=8)
            new = builder.fmul(builder.uitofp(count, floats), weights)
            builder.store(builder.select(builder.fcmp_ordered("<", new, kept), new, kept), kept_at, align=8)
        return context.get_dummy_value()

    return signature, generate


@compiled
def move_bits(words: NDArray[np.uint64], distance: int, moved: NDArray[np.uint64]) -> None:
    """Move every bit of a string of bits by a distance, towards its end where positive; zeros come in."""
    size = len(words)
    whole = abs(distance) // 64
    left = np.uint64(abs(distance) % 64)
    right = np.uint64(64) - left
    for index in range(size):
        source = index - whole if distance > 0 else index + whole
        neighbour = source - 1 if distance > 0 else source + 1
        value = np.uint64(0)
        if 0 <= source < size:
            value = words[source] << left if distance > 0 else words[source] >> left
        if left > 0 and 0 <= neighbour < size:
            value |= words[neighbour] >> right if distance > 0 else words[neighbour] << right
        moved[index] = value


@compiled
def shifted_hamming(
    probes: NDArray[np.uint64],
    references: NDArray[np.uint64],
    shifts: NDArray[np.int64],
    masks: NDArray[np.uint64],
    weights: NDArray[np.float64],
    scale: float,
    distances: NDArray[np.float64],
) -> None:
    """Fill a block of distances; see `ShiftedHamming`.

    A few probes are shifted, once for all references, so that their shifts stay in the second-level cache and `LANES`
    references in the first. What a shift brings into a row from its neighbour falls outside of the overlap, where the
    mask takes it away.

    Args:
        probes: (p, groups, planes, words) uint64.
        references: (blocks, groups, planes * words, LANES) uint64.
        shifts: (s,) int64 distance in bits of each shift.
        masks: (s, planes * words) uint64 overlap of each shift.
        weights: (s,) float64 value of one differing bit of each shift.
        scale: What the sum over groups is divided by.
        distances: (p, blocks * LANES) float64, written.
    """
    count, groups, planes, words = probes.shape
    tile = max(1, min(count, TILE_WORDS // (len(shifts) * planes * words)))
    shifted = np.empty((tile, len(shifts), planes * words), dtype=np.uint64)
    smallest = np.empty(LANES)
    for start in range(0, count, tile):
        end = min(start + tile, count)
        distances[start:end, :] = 0.0
        for group in range(groups):
            for probe in range(start, end):
                for index in range(len(shifts)):
                    for plane in range(planes):
                        move_bits(
                            probes[probe, group, plane],
                            shifts[index],
                            shifted[probe - start, index, plane * words : (plane + 1) * words],
                        )
            for block in range(len(references)):
                for probe in range(start, end):
                    smallest[:] = np.inf
                    for index in range(len(shifts)):
                        keep_smallest(
                            shifted[probe - start, index],
                            masks[index],
                            references[block, group],
                            weights[index],
                            smallest,
                        )
                    for lane in range(LANES):
                        distances[probe, block * LANES + lane] += smallest[lane]
        for probe in range(start, end):
            for column in range(distances.shape[1]):
                distances[probe, column] /= scale
