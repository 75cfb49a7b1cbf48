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
        mean = float(np.dot(ascending, counted) / total)
        variance = float(np.dot((ascending - mean) ** 2, counted) / total)
        return cls(ascending, counted, total, mean, variance**0.5)


class ScoreSet(Protocol):
    """Scores of one kind, with what is needed to resample their subjects."""

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

    def resampled(self, weights: NDArray[np.float64]) -> Distribution:
        """The scores with each subject counted `weights[subject]` times.

        A comparison between two subjects counts the product of their weights, one within a subject counts its
        subject's weight once (Bolle, Ratha and Pankanti 2004, extended to both sides).
        """
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

    def resampled(self, weights: NDArray[np.float64]) -> Distribution:
        """The scores with each subject counted `weights[subject]` times; see `ScoreSet.resampled`."""
        probe = weights[self.probe_subjects]
        product = np.where(
            self.probe_subjects == self.reference_subjects, probe, probe * weights[self.reference_subjects]
        )
        return Distribution.of(self.values, product)

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
