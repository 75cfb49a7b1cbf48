"""Shifted Hamming distance between planes of bits, compiled.

    distance = mean over groups of  min over shifts of  (differing bits on the overlap) / (bits in the overlap)

The two published forms of MTCC, BOCV, CompCode, PalmCode, FusionCode and the ordinal code are all of this form; they
differ in how their planes are grouped and how far they shift.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

_EXACT = 2**53
"""Below this every integer is a float64."""


@dataclass(frozen=True)
class ShiftedHamming:
    """Comparator for templates of bit planes.

    Attributes:
        groups: Number of groups of planes, each with its own minimum over shifts.
        planes_per_group: Planes that are shifted together.
        max_shift: Largest shift in rows and in columns; every shift up to it in both directions is tried.

    Raises:
        ValueError: A number is not positive (`max_shift`: negative), or the largest shift leaves no overlap.
    """

    groups: int
    planes_per_group: int
    height: int
    width: int
    max_shift: int

    def __post_init__(self) -> None:
        if min(self.groups, self.planes_per_group) < 1 or not 0 <= self.max_shift < min(self.height, self.width):
            raise ValueError("there must be planes, and they must be larger than the largest shift")

    @property
    def planes(self) -> int:
        """Planes of one template."""
        return self.groups * self.planes_per_group

    @property
    def words(self) -> int:
        """64-bit words of one plane, whose bits follow one another row by row."""
        return -(-self.height * self.width // 64)

    @property
    def shifts(self) -> list[tuple[int, int]]:
        """Every shift in rows and columns."""
        span = range(-self.max_shift, self.max_shift + 1)
        return [(dy, dx) for dy in span for dx in span]

    def pack(self, bits: NDArray[np.bool_]) -> NDArray[np.uint64]:
        """(n, planes, height, width) bits -> (n, planes * words) uint64. Raises ValueError for another shape."""
        count = len(bits)
        expected = (count, self.planes, self.height, self.width)
        if bits.shape != expected:
            raise ValueError(f"planes of shape {bits.shape}, expected {expected}")
        octets = np.zeros((count, self.planes, self.words * 8), dtype=np.uint8)
        packed = np.packbits(bits.reshape(count, self.planes, -1), axis=-1, bitorder="little")
        octets[:, :, : packed.shape[2]] = packed
        return octets.view("<u8").astype(np.uint64, copy=False).reshape(count, self.planes * self.words)

    def unpack(self, templates: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Undo `pack`: (n, planes * words) uint64 -> (n, planes, height, width) bool."""
        octets = np.ascontiguousarray(templates, dtype="<u8").reshape(-1, self.planes, self.words).view(np.uint8)
        bits = np.unpackbits(octets, axis=-1, count=self.height * self.width, bitorder="little")
        return bits.view(np.bool_).reshape(-1, self.planes, self.height, self.width)

    def compare(self, probes: NDArray[np.uint64], references: NDArray[np.uint64]) -> NDArray[np.float64]:
        """Distances between two blocks of packed templates.

        Args:
            probes: (p, planes * words) uint64.
            references: (r, planes * words) uint64.

        Returns:
            (p, r) float64 in 0..1, symmetric: shifting one plane by some amount is shifting the other back. Wherever
            the overlaps have a common denominator below 2^53 (planes of 32 x 32 do for shifts up to 4), minimum and
            mean are exact and only the quotient is rounded, so that equal distances compare equal.
        """
        from deidkit.comparison import hamming_kernel

        distances, masks, weights, scale = self._shifting
        lanes = hamming_kernel.LANES
        shape = (len(probes), self.groups, self.planes_per_group, self.words)
        blocks = _by_lane(references, lanes).reshape(-1, self.groups, self.planes_per_group * self.words, lanes)
        result = np.empty((len(probes), len(blocks) * lanes))
        if result.size:
            # A copy, because numba would compile once more for an array that must not be written to.
            hamming_kernel.shifted_hamming(
                np.array(probes, dtype=np.uint64).reshape(shape), blocks, distances, masks, weights, scale, result
            )
        return result[:, : len(references)]

    @property
    def steps(self) -> int | None:
        """Number of bits of a template, by which differing bits are divided; None with groups or shifts."""
        bits = self.planes * self.height * self.width
        return bits if self.groups == 1 and self.max_shift == 0 and bits < 2**16 - 1 else None

    def compare_in_steps(self, probes: NDArray[np.uint64], references: NDArray[np.uint64]) -> NDArray[np.uint16]:
        """(p, r) uint16 differing bits: the distances of `compare` times `steps`, in half of its time.

        Raises:
            ValueError: There are groups or shifts, or 65,536 bits or more.
        """
        from deidkit.comparison import step_kernels

        if self.steps is None:
            raise ValueError("distances of groups or shifts are not whole numbers of bits")
        themselves = probes.ctypes.data == references.ctypes.data and probes.shape == references.shape
        counts = np.empty((len(probes), len(references)), dtype=np.uint16)
        step_kernels.differing_bits(
            np.require(probes, np.uint64, ["C", "W"]), np.require(references, np.uint64, ["C", "W"]), themselves, counts
        )
        return counts

    @cached_property
    def _shifting(self) -> tuple[NDArray[np.int64], NDArray[np.uint64], NDArray[np.float64], float]:
        """The distance in bits, overlap mask and weight of a bit for each shift, and the common divisor."""
        shifts = self.shifts
        overlaps = np.zeros((len(shifts), 1, self.height, self.width), dtype=bool)
        for overlap, (dy, dx) in zip(overlaps[:, 0], shifts, strict=True):
            overlap[max(dy, 0) : self.height + min(dy, 0), max(dx, 0) : self.width + min(dx, 0)] = True
        masks = np.tile(ShiftedHamming(1, 1, self.height, self.width, 0).pack(overlaps), (1, self.planes_per_group))
        bits = [int(overlap.sum()) * self.planes_per_group for overlap in overlaps]
        denominator = math.lcm(*bits)
        if denominator * self.groups >= _EXACT:
            denominator = 1
        weights = np.array([denominator / compared for compared in bits])
        distances = np.array([dy * self.width + dx for dy, dx in shifts], dtype=np.int64)
        return distances, masks, weights, float(denominator * self.groups)


def _by_lane(references: NDArray[np.uint64], lanes: int) -> NDArray[np.uint64]:
    """Blocks of references, (blocks, words, lanes), the last one filled up with zeros.

    They start on a cache line, because vectors that lie across two take twice as long to load.
    """
    count, words = references.shape
    blocks = -(-count // lanes)
    line = 64
    memory = np.zeros(blocks * words * lanes * 8 + line, dtype=np.uint8)
    start = -memory.ctypes.data % line
    swapped = memory[start : start + blocks * words * lanes * 8].view(np.uint64).reshape(blocks, words, lanes)
    whole = count // lanes
    swapped[:whole] = references[: whole * lanes].reshape(whole, lanes, words).transpose(0, 2, 1)
    if whole < blocks:
        swapped[whole, :, : count - whole * lanes] = references[whole * lanes :].T
    return swapped
