"""Scores too many to keep one by one: a histogram of stated resolution with exact moments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidkit.scores import Distribution

BINS = 65_536
"""Bins over the recognizer's range of scores."""

MARGINAL_BINS = 1_024
"""Bins of the histograms kept for each subject, on which only intervals rest."""


@dataclass(frozen=True)
class ScoreHistogram:
    """Scores as counts; satisfies `deidkit.scores.ScoreSet`.

    Attributes:
        counts: (BINS,) int64 over [low, high].
        low: Smallest score possible.
        high: Largest score possible.
        mean: Of the scores themselves, not of their bins.
        std: Of the scores themselves, population form.
        marginals: (subjects, MARGINAL_BINS) int64: comparisons in which a subject takes part, one within a subject
            counted twice.
    """

    counts: NDArray[np.int64]
    low: float
    high: float
    mean: float
    std: float
    marginals: NDArray[np.int64]

    @property
    def count(self) -> int:
        """Number of comparisons."""
        return int(self.counts.sum())

    @property
    def subjects(self) -> NDArray[np.int32]:
        """Numbers of the subjects who take part, ascending."""
        return np.flatnonzero(self.marginals.any(axis=1)).astype(np.int32)

    @property
    def resolution(self) -> float:
        """Width of a bin."""
        return (self.high - self.low) / len(self.counts)

    def distribution(self) -> Distribution:
        """The scores at the middles of their bins, with the exact mean and standard deviation."""
        weights = self.counts.astype(np.float64)
        return Distribution(self._middles(BINS), weights, float(weights.sum()), self.mean, self.std)

    def resampled(self, weights: NDArray[np.float64]) -> Distribution:
        """The scores with each subject counted `weights[subject]` times, to first order.

        A comparison of subjects s and t counts w_s + w_t - 1 instead of w_s w_t (Hajek projection). The difference,
        (w_s - 1)(w_t - 1), has mean zero and vanishes against the rest as the number of subjects grows; sets large
        enough to be kept as a histogram have hundreds.
        """
        total = self.marginals.sum(axis=0) / 2.0
        shifted = np.asarray(weights[: len(self.marginals)]) @ self.marginals - total
        binned = np.maximum(shifted, 0.0)
        return Distribution.of(self._middles(MARGINAL_BINS), binned)

    def histogram(self, low: float, high: float, bins: int) -> NDArray[np.int64]:
        """(bins,) counts over equal bins of [low, high]; scores outside count in the end bins."""
        middles = np.clip(self._middles(BINS), low, high)
        return np.histogram(middles, bins=bins, range=(low, high), weights=self.counts)[0].astype(np.int64)

    def _middles(self, bins: int) -> NDArray[np.float64]:
        return self.low + (np.arange(bins) + 0.5) * (self.high - self.low) / bins
