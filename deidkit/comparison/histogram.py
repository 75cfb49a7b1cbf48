"""Scores too many to keep one by one: a histogram of stated resolution, its moments, and a histogram per subject."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidkit.scores import Distribution

BINS = 65_536
"""Bins over the recognizer's range of scores."""

MARGINAL_BINS = 1_024
"""Bins of the histograms kept for each subject, on which only resampling rests."""


@dataclass(frozen=True)
class ScoreHistogram:
    """Scores as counts; satisfies `deidkit.scores.ScoreSet`.

    Attributes:
        counts: (bins,) int64 over [low, high].
        low: Smallest score possible.
        high: Largest score possible.
        mean: Of the scores themselves, not of their bins, to 1e-9 of the range.
        std: Of the scores themselves, population form, to 1e-9 of the range.
        marginals: (subjects, coarse bins) float64 over [low, high]: comparisons in which a subject takes part.
    """

    counts: NDArray[np.int64]
    low: float
    high: float
    mean: float
    std: float
    marginals: NDArray[np.float64]

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
        return (self.high - self.low) / self.counts.size

    def distribution(self) -> Distribution:
        """The scores at the middles of their bins, empty ones left out, with the mean and deviation of the scores."""
        filled = np.flatnonzero(self.counts)
        weights = self.counts[filled].astype(np.float64)
        return Distribution(self._middles(filled), weights, float(weights.sum()), self.mean, self.std)

    def resampled(self, weights: NDArray[np.float64]) -> Distribution:
        """The scores with each subject counted `weights[subject]` times, to first order.

        A comparison of two subjects s and t counts w_s + w_t - 1 where `ScoreSet.resampled` asks for w_s w_t (the
        projection of Hajek 1968); one within a subject counts w_s, as it should. What is left out, (w_s - 1)(w_t - 1),
        has mean 0 in a bootstrap of independent draws. Its share of the variance falls as 1 / subjects where subjects
        differ; where they do not at all, the variance is two thirds of that under the products, which is itself three
        times the true one, so that intervals are never too narrow for it.

        The weights are found for `MARGINAL_BINS` bins and applied to the fine ones within each, so that the resolution
        stays what it is; negative sums, which only bins with few comparisons can have, count as 0.

        Args:
            weights: (subjects,) or longer, 0 or more.

        Returns:
            Their distribution; weights of 1 give back `distribution()`, but for the moments, which are of the bins.
        """
        per_coarse = self.counts.size // self.marginals.shape[1]
        coarse = self.counts.reshape(-1, per_coarse).sum(axis=1).astype(np.float64)
        of_two_subjects = self.marginals.sum(axis=0) - coarse
        wanted = np.asarray(weights, dtype=np.float64)[: len(self.marginals)] @ self.marginals - of_two_subjects
        factors = np.divide(np.maximum(wanted, 0.0), coarse, out=np.zeros_like(coarse), where=coarse > 0)
        filled = np.flatnonzero(self.counts)
        counted = self.counts[filled] * factors[filled // per_coarse]
        values, total = self._middles(filled), float(counted.sum())
        if total == 0.0:
            return Distribution(values, counted, 0.0, float("nan"), float("nan"))
        mean = float(values @ counted / total)
        std = float(np.sqrt((values - mean) ** 2 @ counted / total))
        return Distribution(values, counted, total, mean, std)

    def histogram(self, low: float, high: float, bins: int) -> NDArray[np.int64]:
        """(bins,) counts over equal bins of [low, high]; scores outside count in the end bins."""
        filled = np.flatnonzero(self.counts)
        middles = np.clip(self._middles(filled), low, high)
        return np.histogram(middles, bins=bins, range=(low, high), weights=self.counts[filled])[0].astype(np.int64)

    def _middles(self, bins: NDArray[np.intp]) -> NDArray[np.float64]:
        return self.low + (bins.astype(np.float64) + 0.5) * self.resolution
