"""Bounds of the strongest attack's rates where few people are found, or few are not.

Drawing people again cannot show what those who were not seen would do: from nobody who is found, every draw finds
nobody. Here stands Gaffke's bound over people (`deidkit.measures.bounds`), the same for none, one and many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidkit.attacks.success import Success
from deidkit.measures.bounds import mean_bounds


@dataclass(frozen=True)
class Ends:
    """The ends of a two-sided 95 % interval."""

    low: float
    high: float

    @classmethod
    def of_highest(cls, ends: Sequence[Ends]) -> Ends:
        """Those of the highest of several numbers: none of them lies above its own upper end in 97.5 of 100 cases."""
        return cls(max(end.low for end in ends), max(end.high for end in ends))

    @classmethod
    def of_lowest(cls, ends: Sequence[Ends]) -> Ends:
        """Those of the lowest of several numbers."""
        return cls(min(end.low for end in ends), min(end.high for end in ends))

    def scaled(self, factor: float) -> Ends:
        """The ends in another unit."""
        return Ends(factor * self.low, factor * self.high)


def ends_of_mean(success: Success, values: NDArray[np.float64], highest: float = 1.0) -> Ends:
    """Bounds of a mean over probes, each person counting as often as they have probes.

    Args:
        success: The search of one attack.
        values: (q,) one for each of its probes, from 0.
        highest: Largest value possible.
    """
    _, probes = np.unique(success.subjects, return_counts=True)
    return Ends(*mean_bounds(success.by_subject(values[None])[0], probes, highest=highest))


def ends_of_equal_error(success: Success) -> Ends:
    """Bounds of an equal error rate, in 0..0.5, over what people contribute to it (jackknife pseudo-values).

    Raises:
        NotComputable: There are no comparisons of one kind.
    """
    without = success.equal_error_without_each()
    people = len(without)
    everybody = float(success.equal_error(np.ones((1, len(success.error_tables[0]))))[0])
    contributed = people * everybody - (people - 1) * without
    return Ends(*mean_bounds(contributed[np.isfinite(contributed)], highest=0.5))
