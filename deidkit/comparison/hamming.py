"""Shifted Hamming distance between planes of bits, compiled.

    distance = mean over groups of  min over shifts of  (differing bits on the overlap) / (bits in the overlap)

The two published forms of MTCC, BOCV, CompCode, PalmCode, FusionCode and the ordinal code are all of this form; they
differ in how their planes are grouped and how far they shift.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ShiftedHamming:
    """Comparator for templates of bit planes.

    Attributes:
        groups: How many groups of planes have a minimum of their own.
        planes_per_group: Planes that are shifted together.
        height: Rows of a plane.
        width: Columns of a plane, at most 64.
        max_shift: Largest shift in rows and in columns; every shift up to it in both directions is tried.
    """

    groups: int
    planes_per_group: int
    height: int
    width: int
    max_shift: int

    def __post_init__(self) -> None:
        if self.width > 64 or self.max_shift >= min(self.height, self.width):
            raise ValueError("planes are at most 64 columns wide and larger than the largest shift")

    @property
    def planes(self) -> int:
        """Planes of one template."""
        return self.groups * self.planes_per_group

    @cached_property
    def shifts(self) -> list[tuple[int, int]]:
        """Every shift, the unshifted one first."""
        span = range(-self.max_shift, self.max_shift + 1)
        return sorted(((y, x) for y in span for x in span), key=lambda yx: (abs(yx[0]) + abs(yx[1]), yx))

    @cached_property
    def rows_per_word(self) -> int:
        """Rows of a plane in one 64-bit word."""
        return 64 // self.width

    @cached_property
    def words(self) -> int:
        """64-bit words of one plane."""
        return -(-self.height // self.rows_per_word)

    def pack(self, bits: NDArray[np.bool_]) -> NDArray[np.uint64]:
        """Pack planes of bits.

        Args:
            bits: (n, planes, height, width) bool.

        Returns:
            (n, planes * words) uint64.
        """
        count = len(bits)
        expected = (count, self.planes, self.height, self.width)
        if bits.shape != expected:
            raise ValueError(f"planes of shape {bits.shape}, expected {expected}")
        rows = bits.astype(np.uint64) << np.arange(self.width, dtype=np.uint64)
        words = np.zeros((count, self.planes, self.words * self.rows_per_word), dtype=np.uint64)
        words[:, :, : self.height] = rows.sum(axis=-1, dtype=np.uint64)
        offsets = (np.arange(self.rows_per_word) * self.width).astype(np.uint64)
        packed = words.reshape(count, self.planes, self.words, self.rows_per_word) << offsets
        templates: NDArray[np.uint64] = packed.sum(axis=-1, dtype=np.uint64).reshape(count, self.planes * self.words)
        return templates

    def unpack(self, templates: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Undo `pack`: (n, planes * words) uint64 -> (n, planes, height, width) bool."""
        bits = np.arange(self.rows_per_word * self.width, dtype=np.uint64)
        spread = (templates.reshape(len(templates), self.planes, self.words, 1) >> bits) & np.uint64(1)
        rows = spread.reshape(len(templates), self.planes, -1, self.width)[:, :, : self.height]
        return rows.astype(bool)

    @cached_property
    def _overlaps(self) -> tuple[NDArray[np.int64], NDArray[np.uint64], NDArray[np.float64]]:
        """Shifts (s, 2), the packed mask of each overlap (s, words), and 1 / (bits compared) of each (s,)."""
        shifts = np.asarray(self.shifts, dtype=np.int64)
        one_plane = ShiftedHamming(1, 1, self.height, self.width, 0)
        whole = np.zeros((len(shifts), 1, self.height, self.width), dtype=bool)
        for index, (dy, dx) in enumerate(self.shifts):
            rows = slice(max(dy, 0), self.height + min(dy, 0))
            columns = slice(max(dx, 0), self.width + min(dx, 0))
            whole[index, 0, rows, columns] = True
        bits = whole.sum(axis=(1, 2, 3)) * self.planes_per_group
        return shifts, one_plane.pack(whole), 1.0 / bits

    def compare(self, probes: NDArray[np.uint64], references: NDArray[np.uint64]) -> NDArray[np.float64]:
        """Distances between two blocks of packed templates.

        Args:
            probes: (p, planes * words) uint64.
            references: (r, planes * words) uint64.

        Returns:
            (p, r) float64 in 0..1. Symmetric: shifting one plane by some amount is shifting the other back.
        """
        from deidkit.comparison import kernels

        shifts, masks, weights = self._overlaps
        distances = np.empty((len(probes), -(-len(references) // kernels.LANES) * kernels.LANES), dtype=np.float64)
        kernels.shifted_hamming(
            np.ascontiguousarray(probes).reshape(len(probes), self.groups, self.planes_per_group, self.words),
            self._by_lane(references, kernels.LANES),
            shifts,
            np.tile(masks, (1, self.planes_per_group)),
            weights,
            (self.height, self.width, self.rows_per_word),
            distances,
        )
        return distances[:, : len(references)]

    def _by_lane(self, references: NDArray[np.uint64], lanes: int) -> NDArray[np.uint64]:
        """Blocks of references with their lanes side by side; the last block is filled up with zeros."""
        blocks = -(-len(references) // lanes)
        padded = np.zeros((blocks * lanes, references.shape[1]), dtype=np.uint64)
        padded[: len(references)] = references
        swapped = np.ascontiguousarray(padded.reshape(blocks, lanes, -1).transpose(0, 2, 1))
        return swapped.reshape(blocks, self.groups, self.planes_per_group * self.words, lanes)
