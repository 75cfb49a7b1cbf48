"""Codes whose distance at a pixel is any function of two code values: a table and a compiled loop."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ShiftedTable:
    """Comparator of code images: mean of `table[a, b]` on the overlap, the smallest over all shifts.

    Attributes:
        table: (c, c) float64, symmetric.
        max_shift: Largest shift in rows and in columns.
    """

    table: NDArray[np.float64] = field(repr=False)
    max_shift: int

    def compare(self, probes: NDArray[np.uint8], references: NDArray[np.uint8]) -> NDArray[np.float64]:
        """(p, h, w) and (r, h, w) uint8 codes -> (p, r) float64 distances."""
        from deidkit_recognizers import kernels

        distances = np.empty((len(probes), len(references)))
        kernels.shifted_table(probes, references, self.table, self.max_shift, distances)
        return distances
