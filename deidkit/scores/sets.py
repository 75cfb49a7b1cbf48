"""Sets of scores of one kind: what they offer to metrics, and scores kept one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from deidkit.scores.distribution import Distribution

LARGEST_SCORE = 1e30
"""From here on a number stands for no score, as the largest one that a computer holds does for some matchers."""

_AT_ONCE = 2**22
"""Scores whose subjects are counted at once: memory does not grow with their number."""


@dataclass(frozen=True, slots=True)
class SubjectCounts:
    """How often each value occurs: among all comparisons, and among those of each subject.

    Attributes:
        values: (b,) float64, ascending; means of groups of scores where there are many different ones.
        counts: (b,) int64.
        subjects: (n,) int32, ascending.
        shares: (n, b) integers, comparisons in which a subject takes part, on either side or on both.
    """

    values: NDArray[np.float64]
    counts: NDArray[np.int64]
    subjects: NDArray[np.int32]
    shares: NDArray[np.integer]

    def without(self, subject: int) -> Distribution:
        """All but the comparisons of one subject."""
        row = int(np.searchsorted(self.subjects, subject))
        there = row < len(self.subjects) and self.subjects[row] == subject
        counts = self.counts - self.shares[row] if there else self.counts
        return Distribution.weighted(self.values, counts.astype(np.float64))


@dataclass(frozen=True, slots=True)
class Acceptance:
    """How many comparisons of each subject are accepted at one threshold.

    Attributes:
        subjects: (n,) int32, ascending.
        accepted: (n,) float64, those at or below the threshold; whole numbers unless scores are kept as a histogram.
        compared: (n,) float64, all comparisons in which the subject takes part, at least 1.
        total_accepted: Comparisons accepted, each counted once.
    """

    subjects: NDArray[np.int32]
    accepted: NDArray[np.float64]
    compared: NDArray[np.float64]
    total_accepted: float
    total: int


class ScoreSet(Protocol):
    """Scores of one kind, with what is needed to distinguish subjects."""

    @property
    def count(self) -> int:
        """Number of comparisons."""
        ...

    @property
    def subjects(self) -> NDArray[np.int32]:
        """Numbers of the subjects who take part, ascending."""
        ...

    @property
    def resolution(self) -> float:
        """Width of a histogram bin, or 0 where every score is kept exactly."""
        ...

    def distribution(self) -> Distribution:
        """The scores as they are."""
        ...

    def by_subject(self, values: int) -> SubjectCounts:
        """The scores counted for each subject, grouped where there are more different ones than `values`."""
        ...

    def accepted(self, threshold: float) -> Acceptance:
        """How many comparisons of each subject are at or below a threshold."""
        ...

    def histogram(self, low: float, high: float, bins: int) -> NDArray[np.int64]:
        """(bins,) counts over equal bins of [low, high]; scores outside count in the end bins."""
        ...


@dataclass(frozen=True)
class Scores:
    """Scores kept one by one.

    Attributes:
        values: (n,) float64 or float32 distances.
        probe_subjects: (n,) int32 subject number of each comparison's probe.
        reference_subjects: (n,) int32 subject number of each comparison's reference.
    """

    values: NDArray[np.floating]
    probe_subjects: NDArray[np.int32]
    reference_subjects: NDArray[np.int32]

    @property
    def count(self) -> int:
        """Number of comparisons."""
        return int(self.values.size)

    @cached_property
    def subjects(self) -> NDArray[np.int32]:
        """Numbers of the subjects who take part, ascending."""
        people = max(self.probe_subjects.max(initial=-1), self.reference_subjects.max(initial=-1)) + 1
        there = np.zeros(people, dtype=bool)
        for part in self._parts():
            there[self.probe_subjects[part]] = True
            there[self.reference_subjects[part]] = True
        return np.flatnonzero(there).astype(np.int32)

    @property
    def resolution(self) -> float:
        """Every score is kept exactly."""
        return 0.0

    @cached_property
    def _distribution(self) -> Distribution:
        return Distribution.of(self.values)

    def distribution(self) -> Distribution:
        """The scores as they are; put in order once."""
        return self._distribution

    def by_subject(self, values: int) -> SubjectCounts:
        """The scores counted for each subject, grouped where there are more different ones than `values`.

        The smallest and the largest quarter of the groups hold a single value each, because thresholds lie in the
        tails; those between hold equally many.
        """
        distinct, often = self.distribution().different()
        lowest, means = distinct, distinct
        if len(distinct) > values:
            edge = values // 4
            middle = np.arange(len(distinct) - 2 * edge) * (values - 2 * edge) // (len(distinct) - 2 * edge) + edge
            groups = np.concatenate([np.arange(edge), middle, np.arange(values - edge, values)])
            first = np.searchsorted(groups, np.arange(values))
            lowest = distinct[first]
            sums, often = np.add.reduceat(distinct * often, first), np.add.reduceat(often, first)
            alone = np.diff(first, append=len(distinct)) == 1
            means = np.where(alone, lowest, sums / often)
        subjects, size = self.subjects, len(lowest)
        rows = self._rows
        shares = np.zeros(len(subjects) * size, dtype=np.int32)
        for part in self._parts():
            places = np.searchsorted(lowest, self.values[part], side="right") - 1
            probes, references = self.probe_subjects[part], self.reference_subjects[part]
            two = probes != references
            shares += np.bincount(rows[probes] * size + places, minlength=len(shares)).astype(np.int32)
            cells = rows[references[two]] * size + places[two]
            shares += np.bincount(cells, minlength=len(shares)).astype(np.int32)
        return SubjectCounts(means, often, subjects, shares.reshape(len(subjects), size))

    def accepted(self, threshold: float) -> Acceptance:
        """How many comparisons of each subject are at or below a threshold."""
        accepted = np.zeros(len(self.subjects), dtype=np.int64)
        total = 0
        for part in self._parts():
            below = self.values[part] <= threshold
            accepted += self._occurrences(part, below)
            total += int(below.sum())
        return Acceptance(self.subjects, accepted.astype(np.float64), self._compared, float(total), self.count)

    def histogram(self, low: float, high: float, bins: int) -> NDArray[np.int64]:
        """(bins,) counts over equal bins of [low, high]; scores outside count in the end bins."""
        edges = np.linspace(low, high, bins + 1)
        edges[0], edges[-1] = -np.inf, np.inf
        return self.distribution().counts(edges).astype(np.int64)

    @cached_property
    def _rows(self) -> NDArray[np.int64]:
        """Row of each subject number among `subjects`."""
        rows = np.zeros(int(self.subjects[-1]) + 1 if len(self.subjects) else 0, dtype=np.int64)
        rows[self.subjects] = np.arange(len(self.subjects))
        return rows

    @cached_property
    def _compared(self) -> NDArray[np.float64]:
        compared = sum(
            (self._occurrences(part) for part in self._parts()), np.zeros(len(self.subjects), dtype=np.int64)
        )
        return compared.astype(np.float64)

    def _occurrences(self, part: slice, among: NDArray[np.bool_] | slice = slice(None)) -> NDArray[np.int64]:
        probes, references = self.probe_subjects[part][among], self.reference_subjects[part][among]
        found = np.bincount(self._rows[probes], minlength=len(self.subjects))
        return found + np.bincount(self._rows[references[probes != references]], minlength=len(self.subjects))

    def _parts(self) -> Iterator[slice]:
        for start in range(0, self.count, _AT_ONCE):
            yield slice(start, min(start + _AT_ONCE, self.count))


@dataclass(frozen=True)
class Identification:
    """Where each probe's own identity stands in a closed-set search of a gallery.

    An identity's distance to a probe is the smallest over its references. Ties are kept apart from better ones, so
    that a rate is the expectation over a random order of equals: neither constant scores nor a rule of the
    implementation can make an attacker look better or worse.

    Attributes:
        better: (n,) int32, other identities strictly closer to the probe than its own.
        ties: (n,) int32, other identities exactly as close.
        subjects: (n,) int32 subject number of each probe.
        gallery_identities: Number of identities searched; chance level of rank 1 is its inverse.
    """

    better: NDArray[np.int32]
    ties: NDArray[np.int32]
    subjects: NDArray[np.int32]
    gallery_identities: int

    def hit_probability(self, rank: int) -> NDArray[np.float64]:
        """(n,) probability in 0..1 that the own identity is among the `rank` closest."""
        return np.clip((rank - self.better) / (self.ties + 1.0), 0.0, 1.0)
