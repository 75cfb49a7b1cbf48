"""Weighted distributions of distances, sorted only as far as needed; the basis of all score metrics."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from deidkit.scores.ordering import Ascending, Order, order

_BLOCK = 65_536
"""Scores per partial sum: sums over blocks have the rounding error of the last one, for any number of scores."""


@dataclass(frozen=True, eq=False)
class Distribution:
    """Distances with their weights.

    Attributes:
        order: The distances, ascending, with repetitions.
        counted: (k,) float64 positive weight of each, in that order; None if each counts once.
        total: Sum of the weights; the number of comparisons without resampling.
        known: Mean and standard deviation, if known more accurately than from these values.
    """

    order: Order
    counted: NDArray[np.float64] | None
    total: float
    known: tuple[float, float] | None = None

    @classmethod
    def of(cls, values: NDArray[np.floating], weights: NDArray[np.floating] | None = None) -> Distribution:
        """Build one from finite scores in any order."""
        flat = np.asarray(values).ravel()
        if flat.dtype != np.float32:
            flat = flat.astype(np.float64, copy=False)
        if weights is not None:
            by_value = np.argsort(flat, kind="stable")
            ascending = flat[by_value].astype(np.float64, copy=False)
            return cls.weighted(ascending, np.asarray(weights, dtype=np.float64).ravel()[by_value])
        return cls(order(flat), None, float(flat.size))

    @classmethod
    def weighted(
        cls, values: NDArray[np.float64], weights: NDArray[np.float64], moments: tuple[float, float] | None = None
    ) -> Distribution:
        """Build one from weighted scores.

        Args:
            values: (k,) ascending.
            weights: (k,) 0 or more; scores without weight are left out.
            moments: Mean and standard deviation, if known more accurately than from these values.
        """
        there = weights > 0
        if not there.all():
            values, weights = values[there], weights[there]
        return cls(Ascending(values), weights, float(weights.sum()), moments)

    @property
    def mean(self) -> float:
        """Mean of the scores."""
        return self._moments[0]

    @property
    def std(self) -> float:
        """Standard deviation of the scores, population form (ddof 0)."""
        return self._moments[1]

    @cached_property
    def _moments(self) -> tuple[float, float]:
        if self.known is not None or self.total == 0.0:
            return self.known or (math.nan, math.nan)
        if self.smallest == self.largest:  # rounding would give a constant a nonzero deviation
            return self.smallest, 0.0
        values, weights = self.order.stored, self.counted
        blocks = [slice(start, start + _BLOCK) for start in range(0, len(values), _BLOCK)]

        def summed(of: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> float:
            found = (
                (of(values[block].astype(np.float64, copy=False)), None if weights is None else weights[block])
                for block in blocks
            )
            return math.fsum(float(part.sum() if weight is None else part @ weight) for part, weight in found)

        mean = summed(lambda part: part) / self.total
        return mean, math.sqrt(summed(lambda part: np.square(part - mean)) / self.total)

    @property
    def values(self) -> NDArray[np.float64]:
        """(k,) the distances, ascending."""
        return self.order.ascending()

    @property
    def weights(self) -> NDArray[np.float64]:
        """(k,) the weight of each."""
        return np.ones(len(self.order)) if self.counted is None else self.counted

    @property
    def smallest(self) -> float:
        """The smallest distance; there must be one."""
        return self.order.ends[0]

    @property
    def largest(self) -> float:
        """The largest distance; there must be one."""
        return self.order.ends[1]

    def different(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """(d,) and (d,): the distinct distances, ascending, and the multiplicity of each if weights are counts."""
        values = self.values
        if not len(values):
            return values, np.empty(0, np.int64)
        starts = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
        if self.counted is None:
            return values[starts], np.diff(starts, append=len(values))
        return values[starts], np.add.reduceat(self.counted, starts).astype(np.int64)

    def below(self, thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
        """(t,) weight below each threshold."""
        return self._weight(self.order.places(thresholds, "left"))

    def at_most(self, thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
        """(t,) weight at or below each threshold."""
        return self._weight(self.order.places(thresholds, "right"))

    def share_at_most(self, threshold: float) -> float:
        """Share at or below one threshold, in 0..1."""
        place = self.order.place(threshold, "right")
        return float(place if self._cumulative is None else self._cumulative[place]) / self.total

    def around(self, thresholds: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(t,) and (t,): `below` and `at_most` for many ascending thresholds."""
        below, at_most = self.order.ranks(thresholds)
        return self._weight(below), self._weight(at_most)

    def counts(self, edges: NDArray[np.float64]) -> NDArray[np.float64]:
        """(b,) weight of each bin given by (b + 1,) ascending edges; values on an edge count in the bin above it.

        As `numpy.histogram` counts.
        """
        below, at_most = self.around(edges)
        return np.diff(np.append(below[:-1], at_most[-1:]))

    def first(self, holds: Callable[[float], bool]) -> float | None:
        """Smallest distance at which a monotone predicate holds; None if there is none."""
        return self.order.first(holds)

    def last_below(self, threshold: float) -> float | None:
        """The largest distance below a threshold; None if there is none."""
        place = self.order.place(threshold, "left")
        return float(self.order.between(place - 1, place)[0]) if place else None

    def between(self, low: float, high: float) -> NDArray[np.float64]:
        """(d,) the distinct distances from `low` (inclusive) to `high` (exclusive), ascending."""
        start, stop = self.order.places(np.array([low, high]), "left")
        return np.unique(self.order.between(int(start), int(stop)))

    @cached_property
    def _cumulative(self) -> NDArray[np.float64] | None:
        return None if self.counted is None else np.concatenate([[0.0], np.cumsum(self.counted)])

    def _weight(self, places: NDArray[np.int64]) -> NDArray[np.float64]:
        return places.astype(np.float64) if self._cumulative is None else self._cumulative[places]
