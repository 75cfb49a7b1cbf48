"""Finite-sample bounds of the strongest attack's rates if few people, or nearly all, are found.

A bootstrap over people cannot represent unseen people: if nobody is found, every resample finds nobody. Gaffke's bound
over people (`deidkit.measures.bounds`) is used instead, for none, one and many alike.
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
        """Interval of the maximum of several numbers, each of which exceeds its own upper end in 2.5 % of cases."""
        return cls(max(end.low for end in ends), max(end.high for end in ends))

    @classmethod
    def of_lowest(cls, ends: Sequence[Ends]) -> Ends:
        """Interval of the minimum of several numbers."""
        return cls(min(end.low for end in ends), min(end.high for end in ends))

    def scaled(self, factor: float) -> Ends:
        """The ends in another unit."""
        return Ends(factor * self.low, factor * self.high)


def ends_of_mean(success: Success, values: NDArray[np.float64], highest: float = 1.0) -> Ends:
    """Bounds of a mean over probes, with each person weighted by their number of probes.

    Args:
        success: The search of one attack.
        values: (q,) value of each probe, at least 0.
        highest: Largest possible value.
    """
    _, probes = np.unique(success.subjects, return_counts=True)
    return Ends(*mean_bounds(success.by_subject(values[None])[0], probes, highest=highest))


def ends_of_equal_error(success: Success) -> Ends:
    """Bounds of an equal error rate, in 0..0.5, from people's jackknife pseudo-values.

    Raises:
        NotComputable: There are no comparisons of one kind.
    """
    without = success.equal_error_without_each()
    people = len(without)
    everybody = float(success.equal_error(np.ones((1, len(success.error_tables[0]))))[0])
    contributed = people * everybody - (people - 1) * without
    return Ends(*mean_bounds(contributed[np.isfinite(contributed)], highest=0.5))
