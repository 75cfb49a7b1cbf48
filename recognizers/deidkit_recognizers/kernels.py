"""Compiled loops for codes that are not plain Hamming distance. Importing this module imports numba."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from deidkit.compiling import compiled

if TYPE_CHECKING:
    from llvmlite import ir
    from numba.core.typing.context import BaseContext as Context
    from numba.core.typing.templates import Signature


def _popcount(context: Context, word: types.Type) -> tuple[Signature, Callable[..., ir.Value]]:
    """Number of bits set in a 64-bit word: one instruction on any processor of this century."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Signature, arguments: Sequence[ir.Value]) -> ir.Value:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


popcount: Any = intrinsic(_popcount)


@compiled
def shifted_table(
    probes: NDArray[np.uint8],
    references: NDArray[np.uint8],
    table: NDArray[np.float64],
    max_shift: int,
    distances: NDArray[np.float64],
) -> None:
    """Smallest mean of table[a, b] over all shifts; see `deidkit_recognizers.lookup.ShiftedTable`."""
    height, width = probes.shape[1:]
    for i in range(probes.shape[0]):
        for j in range(references.shape[0]):
            smallest = np.inf
            for dy in range(-max_shift, max_shift + 1):
                for dx in range(-max_shift, max_shift + 1):
                    total = 0.0
                    for y in range(max(dy, 0), height + min(dy, 0)):
                        for x in range(max(dx, 0), width + min(dx, 0)):
                            total += table[probes[i, y, x], references[j, y - dy, x - dx]]
                    smallest = min(smallest, total / ((height - abs(dy)) * (width - abs(dx))))
            distances[i, j] = smallest


@compiled
def window_row(rows: NDArray[np.uint32], y: int, dy: int, dx: int, width: int) -> np.uint64:
    """Row y of the overlap as seen by the probe, moved to the reference's columns; 0 outside of the window."""
    height = rows.shape[0]
    source = y + dy
    if source < 0 or source >= height:
        return np.uint64(0)
    row = np.uint64(rows[source])
    row = row >> np.uint64(dx) if dx >= 0 else row << np.uint64(-dx)
    return row & (~np.uint64(0) >> np.uint64(64 - width))


@compiled
def columns_mask(dx: int, width: int) -> np.uint64:
    """Columns of the reference that the probe, moved by dx, covers."""
    full = ~np.uint64(0) >> np.uint64(64 - width)
    return full >> np.uint64(dx) if dx >= 0 else (full << np.uint64(-dx)) & full


@compiled
def grown(above: np.uint64, row: np.uint64, below: np.uint64, mask: np.uint64) -> np.uint64:
    """A row of pixels together with their upper, lower, left and right neighbours, within the window."""
    return (row | (row << np.uint64(1)) | (row >> np.uint64(1)) | above | below) & mask


@compiled
def pixel_to_area(
    probes: NDArray[np.uint32], references: NDArray[np.uint32], max_shift: int, distances: NDArray[np.float64]
) -> None:
    """1 - the largest share of pixels that find their orientation at a pixel of the other code or next to it.

    The neighbours must lie in the overlap too. Of the two directions the better one counts.

    Args:
        probes: (p, orientations, rows) uint32, a bit for each column.
        references: (r, orientations, rows) uint32.
        max_shift: Largest shift in rows and columns.
        distances: (p, r) float64, written.
    """
    orientations, height = probes.shape[1:]
    width = height
    nothing = np.uint64(0)
    for i in range(probes.shape[0]):
        for j in range(references.shape[0]):
            best = 0.0
            for dy in range(-max_shift, max_shift + 1):
                first, last = max(0, -dy), min(height, height - dy)
                for dx in range(-max_shift, max_shift + 1):
                    mask = columns_mask(dx, width)
                    hits_probe, hits_reference = nothing, nothing
                    for orientation in range(orientations):
                        probe, reference = probes[i, orientation], references[j, orientation]
                        probe_above, reference_above = nothing, nothing
                        probe_row = window_row(probe, first, dy, dx, width) & mask
                        reference_row = np.uint64(reference[first]) & mask
                        for y in range(first, last):
                            if y + 1 < last:
                                probe_below = window_row(probe, y + 1, dy, dx, width) & mask
                                reference_below = np.uint64(reference[y + 1]) & mask
                            else:
                                probe_below, reference_below = nothing, nothing
                            hits_probe += popcount(
                                probe_row & grown(reference_above, reference_row, reference_below, mask)
                            )
                            hits_reference += popcount(reference_row & grown(probe_above, probe_row, probe_below, mask))
                            probe_above, probe_row = probe_row, probe_below
                            reference_above, reference_row = reference_row, reference_below
                    size = (height - abs(dy)) * (width - abs(dx))
                    best = max(best, max(hits_probe, hits_reference) / size)
            distances[i, j] = 1.0 - best


@compiled
def fragile_bits(
    probes: NDArray[np.uint32],
    references: NDArray[np.uint32],
    max_shift: int,
    weight: float,
    distances: NDArray[np.float64],
) -> None:
    """Weighted sum of the distance of firm bits and of the patterns of fragile ones, each plane at its best shifts.

    Args:
        probes: (p, 2 x planes, rows) uint32: bits, then firmness.
        references: (r, 2 x planes, rows) uint32.
        max_shift: Largest shift in rows and columns.
        weight: Of the firm bits' distance.
        distances: (p, r) float64, written; infinite where no shift has a bit that is firm in both.
    """
    planes, height = probes.shape[1] // 2, probes.shape[2]
    width = height
    for i in range(probes.shape[0]):
        for j in range(references.shape[0]):
            bits_total, pattern_total = 0.0, 0.0
            for plane in range(planes):
                bits_best, pattern_best = np.inf, np.inf
                for dy in range(-max_shift, max_shift + 1):
                    for dx in range(-max_shift, max_shift + 1):
                        mask = columns_mask(dx, width)
                        firm, differing, pattern = np.uint64(0), np.uint64(0), np.uint64(0)
                        for y in range(max(0, -dy), min(height, height - dy)):
                            a = window_row(probes[i, plane], y, dy, dx, width)
                            b = np.uint64(references[j, plane, y])
                            firm_a = window_row(probes[i, planes + plane], y, dy, dx, width) & mask
                            firm_b = np.uint64(references[j, planes + plane, y]) & mask
                            both = firm_a & firm_b
                            firm += popcount(both)
                            differing += popcount((a ^ b) & both)
                            pattern += popcount(firm_a ^ firm_b)
                        if firm > 0:
                            bits_best = min(bits_best, differing / firm)
                            pattern_best = min(pattern_best, pattern / firm)
                bits_total += bits_best
                pattern_total += pattern_best
            distances[i, j] = (weight * bits_total + (1.0 - weight) * pattern_total) / planes
