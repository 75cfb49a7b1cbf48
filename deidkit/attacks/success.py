"""Success rates of an attack compared with chance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidkit.attacks.scores import AttackScores
from deidkit.errors import NotComputable

PERMUTATIONS = 4000
"""Number of permutations of identities for the chance distribution."""

SIGNIFICANCE = 0.001
"""Significance level of one attack, low because an audit makes many tests."""

FMRS = (0.01, 0.001)
"""False match rates at which success is reported."""

_THRESHOLDS = 400
_CHUNK = 200


@dataclass(frozen=True)
class Success:
    """Search of a gallery by an attack, per probe; probes without a reference of their identity are excluded.

    Attributes:
        without_source: Whether references from a probe's own original are excluded.

    Raises:
        NotComputable: No probe has a reference of its identity, or the gallery holds a single identity.
    """

    scores: AttackScores
    without_source: bool = True

    def __post_init__(self) -> None:
        if not len(self._searched[2]):
            raise NotComputable(
                "No probe has a reference of its own identity in the gallery.", "Use two or more captures of a person."
            )
        if self.identities < 2:
            raise NotComputable("The gallery holds a single identity.", "Use several people.")

    @property
    def identities(self) -> int:
        """Number of identities in the gallery, the inverse of the chance level of rank 1."""
        return len(self.scores.identities)

    @cached_property
    def subjects(self) -> NDArray[np.int32]:
        """(q,) subject number of each probe."""
        return self.scores.probes.subjects[self._searched[2]]

    @cached_property
    def sources(self) -> NDArray[np.int32]:
        """(q,) number of the original of each probe."""
        return self.scores.probes.sources[self._searched[2]]

    @cached_property
    def hits(self) -> NDArray[np.float64]:
        """(q,) probability that the own identity comes first, 0..1, ties by expectation."""
        return self.own_of(self.nearest)

    def own_of(self, table: NDArray[np.floating] | NDArray[np.bool_]) -> NDArray[np.float64]:
        """(q,) values of a (q, i) table at each probe's own identity."""
        return np.asarray(table[np.arange(len(self._own)), self._own], np.float64)

    @cached_property
    def ranks(self) -> NDArray[np.float64]:
        """(q,) rank of the own identity, 1 for the closest, ties averaged."""
        distances = self._distances
        own = self.own_of(distances)[:, None]
        return np.asarray(1 + (distances < own).sum(axis=1) + ((distances == own).sum(axis=1) - 1) / 2)

    @cached_property
    def nearest(self) -> NDArray[np.float64]:
        """(q, i) 1 for the closest identity, divided among ties."""
        first = self._distances == self._distances.min(axis=1, keepdims=True)
        return np.asarray(first / first.sum(axis=1, keepdims=True))

    def accepted(self, fmr: float) -> NDArray[np.bool_]:
        """(q, i) whether an identity is accepted at the threshold of a false match rate.

        The threshold accepts at most this share of all comparisons of probes with other identities.

        Raises:
            NotComputable: There are fewer than 1 / fmr such comparisons.
        """
        other = np.ones(self._distances.shape, dtype=bool)
        other[np.arange(len(other)), self._own] = False
        nonmated = np.sort(self._distances[other])
        allowed = int(fmr * len(nonmated) + 1e-9)
        if allowed < 1:
            raise NotComputable(
                f"{len(nonmated)} comparisons with other identities are too few for an FMR of {fmr:.1%}.",
                f"At least {1 / fmr:.0f} are needed: use more people or captures.",
            )
        # The first distance that exceeds the share, with all of its ties, is rejected.
        return np.asarray(self._distances < nonmated[min(allowed, len(nonmated) - 1)])

    def found(self, fmr: float) -> NDArray[np.float64]:
        """(q,) 1 if the own identity is accepted at a false match rate, else 0. Raises as `accepted`."""
        return self.own_of(self.accepted(fmr))

    def by_chance(self, table: NDArray[np.floating] | NDArray[np.bool_], seed: int = 0) -> NDArray[np.float64]:
        """Distribution of a rate under random permutations of identities.

        Args:
            table: (q, i), `nearest` or `accepted`.
            seed: Of the permutations; attacks with the same seed and identities get the same permutations.

        Returns:
            (PERMUTATIONS,) float64, mean of the table at the permuted own identities.
        """
        return np.concatenate([dealt.mean(axis=1) for dealt in self._permuted(table, seed)])

    @cached_property
    def share_by_subject(self) -> NDArray[np.float64]:
        """(subjects present,) share of each subject's probes whose own identity comes first, ties by expectation."""
        return np.asarray(self.by_subject(self.hits[None])[0])

    def shares_by_chance(self, seed: int = 0) -> NDArray[np.float64]:
        """(PERMUTATIONS, subjects present) `share_by_subject` under the permutations of `by_chance`."""
        return np.concatenate([self.by_subject(dealt) for dealt in self._permuted(self.nearest, seed)])

    def _permuted(self, table: NDArray[np.floating] | NDArray[np.bool_], seed: int) -> Iterator[NDArray[Any]]:
        """Yield (chunk, q) values of a table at the permuted own identities, for all permutations."""
        rows = np.arange(len(self._own))
        deals = _permutations(self.identities, seed)
        for start in range(0, len(deals), _CHUNK):
            yield table[rows, deals[start : start + _CHUNK, self._own]]

    def by_subject(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(d, q) values of probes -> (d, subjects present) their means per subject."""
        order = np.argsort(self.subjects, kind="stable")
        _, starts, counts = np.unique(self.subjects[order], return_index=True, return_counts=True)
        return np.asarray(np.add.reduceat(values[:, order], starts, axis=1) / counts)

    @cached_property
    def p_value(self) -> float:
        """Probability that chance does as well, by rank 1 or by acceptance at a small false match rate (Bonferroni)."""
        tables = [self.nearest]
        for fmr in FMRS:
            try:
                tables.append(self.accepted(fmr).astype(np.float64))
            except NotComputable:
                continue
        values = [p_value(float(self.own_of(table).mean()), self.by_chance(table)) for table in tables]
        return min(1.0, len(values) * min(values))

    @cached_property
    def error_tables(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Cumulative counts of comparisons by threshold, with all in the last column, per subject number.

        Returns:
            Two (subjects, thresholds + 1) float64: of one identity, and of two; counted under the probe's subject.

        Raises:
            NotComputable: There are no comparisons of one kind.
        """
        mated, nonmated = self.scores.same_identity(), self.scores.different_identity()
        if not self.without_source:
            source = self.scores.same_source()
            values = np.concatenate([mated.values, source.values])
            subjects = np.concatenate([mated.probe_subjects, source.probe_subjects])
        else:
            values, subjects = mated.values, mated.probe_subjects
        if not len(values) or not nonmated.count:
            raise NotComputable("There are no comparisons of one kind.", "Use several captures and people.")
        both = np.concatenate([values, nonmated.values])
        thresholds = np.unique(np.quantile(values, np.linspace(0, 1, _THRESHOLDS // 2)))
        thresholds = np.unique(np.concatenate([thresholds, np.quantile(both, np.linspace(0, 1, _THRESHOLDS // 2))]))
        size = int(max(self.scores.probes.subjects.max(), self.scores.references.subjects.max())) + 1
        return (
            _cumulated(values, subjects, thresholds, size),
            _cumulated(nonmated.values, nonmated.probe_subjects, thresholds, size),
        )

    def equal_error(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Equal error rates, in 0..0.5, with subjects counted `weights` times.

        Args:
            weights: (r, subjects) 0 or more, by subject number.

        Returns:
            (r,) float64; NaN where a resample has no comparisons of one kind.
        """
        mated, nonmated = (weights[:, : len(table)] @ table for table in self.error_tables)
        return _equal_errors(mated, nonmated)

    def equal_error_without_each(self) -> NDArray[np.float64]:
        """(subjects,) equal error rates without each subject in turn, in ascending order; NaN if nothing is left."""
        people = np.unique(self.subjects)
        mated, nonmated = (table.sum(axis=0) - table[people] for table in self.error_tables)
        return _equal_errors(mated, nonmated)

    @cached_property
    def _searched(self) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]:
        return self.scores.searched(without_source=self.without_source)

    @property
    def _distances(self) -> NDArray[np.float64]:
        return self._searched[0]

    @property
    def _own(self) -> NDArray[np.intp]:
        return self._searched[1]


def _equal_errors(mated: NDArray[np.float64], nonmated: NDArray[np.float64]) -> NDArray[np.float64]:
    """(r,) equal error rates, in 0..0.5, from cumulative counts as in `Success.error_tables`, one row each."""
    with np.errstate(invalid="ignore", divide="ignore"):
        fnmr, fmr = 1 - mated[:, :-1] / mated[:, -1:], nonmated[:, :-1] / nonmated[:, -1:]
    gap = np.abs(fnmr - fmr)
    best = np.nanargmin(np.where(np.isnan(gap), 2.0, gap), axis=1)
    rows = np.arange(len(gap))
    return np.asarray(np.minimum((fnmr[rows, best] + fmr[rows, best]) / 2, 0.5))


@lru_cache(maxsize=4)
def _permutations(identities: int, seed: int) -> NDArray[np.intp]:
    """(PERMUTATIONS, identities) random orders."""
    orders = np.tile(np.arange(identities), (PERMUTATIONS, 1))
    return np.asarray(np.random.default_rng(seed).permuted(orders, axis=1))


def p_value(observed: float, chance: NDArray[np.float64]) -> float:
    """Permutation p-value, with the observation counted as one of the permutations."""
    return float((1 + (chance >= observed - 1e-12).sum()) / (1 + len(chance)))


def _cumulated(
    values: NDArray[np.floating], subjects: NDArray[np.int32], thresholds: NDArray[np.float64], size: int
) -> NDArray[np.float64]:
    places = np.searchsorted(thresholds, values, side="left")  # the first threshold that accepts it
    counts = np.zeros((size, len(thresholds) + 1))
    np.add.at(counts, (subjects, places), 1)
    return np.cumsum(counts, axis=1)
