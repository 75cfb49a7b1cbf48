"""Comparison scores: exact where they fit in memory, a histogram of stated resolution where they do not.

All metrics work on a `Distribution`, so it does not matter which of the two a set of scores is kept as.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Distribution:
    """Distances in ascending order with their weights.

    Attributes:
        values: (k,) float64, ascending; equal values may stand apart.
        weights: (k,) float64, 0 or more; 1 for each score counted once.
        total: Sum of the weights; the number of comparisons where nothing is resampled.
        mean: Mean of the scores.
        std: Standard deviation of the scores, population form (ddof 0).
    """

    values: NDArray[np.float64]
    weights: NDArray[np.float64]
    total: float
    mean: float
    std: float

    @classmethod
    def of(cls, values: NDArray[np.floating], weights: NDArray[np.floating] | None = None) -> Distribution:
        """Build one from scores in any order."""
        flat = np.asarray(values, dtype=np.float64).ravel()
        order = np.argsort(flat, kind="stable")
        ascending = flat[order]
        if weights is None:
            counted, total = np.ones(flat.size), float(flat.size)
        else:
            counted = np.asarray(weights, dtype=np.float64).ravel()[order]
            total = float(counted.sum())
        if total == 0.0:
            return cls(ascending, counted, 0.0, float("nan"), float("nan"))
        if ascending[0] == ascending[-1]:  # rounding would give a constant a deviation
            return cls(ascending, counted, total, float(ascending[0]), 0.0)
        mean = float(np.dot(ascending, counted) / total)
        variance = float(np.dot((ascending - mean) ** 2, counted) / total)
        return cls(ascending, counted, total, mean, variance**0.5)


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
        weights = counts.astype(np.float64)
        total = float(weights.sum())
        if total == 0.0:
            return Distribution(self.values, weights, 0.0, float("nan"), float("nan"))
        mean = float(self.values @ weights) / total
        variance = float((self.values - mean) ** 2 @ weights) / total
        return Distribution(self.values, weights, total, mean, variance**0.5)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """How many comparisons of each subject are accepted at one threshold.

    Attributes:
        subjects: (n,) int32, ascending.
        accepted: (n,) float64, those at or below the threshold; whole numbers unless scores are kept as a histogram.
        compared: (n,) float64, all comparisons in which the subject takes part, at least 1.
        total_accepted: Comparisons accepted, each counted once.
        total: All comparisons.
    """

    subjects: NDArray[np.int32]
    accepted: NDArray[np.float64]
    compared: NDArray[np.float64]
    total_accepted: float
    total: int


class ScoreSet(Protocol):
    """Scores of one kind, with what is needed to tell subjects apart."""

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

    @property
    def subjects(self) -> NDArray[np.int32]:
        """Numbers of the subjects who take part, ascending."""
        both = np.union1d(self.probe_subjects, self.reference_subjects)
        return both.astype(np.int32)

    @property
    def resolution(self) -> float:
        """Every score is kept exactly."""
        return 0.0

    def distribution(self) -> Distribution:
        """The scores as they are."""
        return Distribution.of(self.values)

    def by_subject(self, values: int) -> SubjectCounts:
        """The scores counted for each subject, grouped where there are more different ones than `values`.

        The smallest and the largest quarter of the groups hold a single value each, because thresholds lie in the
        tails; those between hold equally many.
        """
        distinct, places = np.unique(np.asarray(self.values, dtype=np.float64), return_inverse=True)
        if len(distinct) > values:
            edge = values // 4
            middle = np.arange(len(distinct) - 2 * edge) * (values - 2 * edge) // (len(distinct) - 2 * edge) + edge
            groups = np.concatenate([np.arange(edge), middle, np.arange(values - edge, values)])
            places = groups[places]
            distinct = np.bincount(places, weights=self.values, minlength=values) / np.bincount(places)
        subjects, size = self.subjects, len(distinct)
        two = self.probe_subjects != self.reference_subjects
        cells = np.searchsorted(subjects, self.probe_subjects) * size + places
        shares = np.bincount(cells, minlength=len(subjects) * size).astype(np.int32)
        cells = np.searchsorted(subjects, self.reference_subjects[two]) * size + places[two]
        shares += np.bincount(cells, minlength=len(subjects) * size).astype(np.int32)
        return SubjectCounts(
            distinct, np.bincount(places, minlength=size), subjects, shares.reshape(len(subjects), size)
        )

    def accepted(self, threshold: float) -> Acceptance:
        """How many comparisons of each subject are at or below a threshold."""
        subjects = self.subjects
        size = int(subjects[-1]) + 1 if len(subjects) else 0
        below = self.values <= threshold
        two = self.probe_subjects != self.reference_subjects

        def occurrences(among: NDArray[np.bool_]) -> NDArray[np.float64]:
            found = np.bincount(self.probe_subjects[among], minlength=size)
            found += np.bincount(self.reference_subjects[among & two], minlength=size)
            return found[subjects].astype(np.float64)

        everything = np.ones_like(below)
        return Acceptance(subjects, occurrences(below), occurrences(everything), float(below.sum()), self.count)

    def histogram(self, low: float, high: float, bins: int) -> NDArray[np.int64]:
        """(bins,) counts over equal bins of [low, high]; scores outside count in the end bins."""
        return np.histogram(np.clip(self.values, low, high), bins=bins, range=(low, high))[0].astype(np.int64)


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
