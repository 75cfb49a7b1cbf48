"""Histogram of scores that are too many to keep individually, with exact moments and a histogram per subject.

Counts are integers, so that the result does not depend on the order of blocks, threads and machines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidkit.scores import Acceptance, Distribution, SubjectCounts

BINS = 65_536
"""Bins over the recognizer's range of scores."""

MARGINAL_BINS, FEWEST_MARGINAL_BINS = 1_024, 256
"""Bins of the histograms per subject, which are used for intervals only; fewer for many subjects."""

MARGINAL_COUNTERS = 2**23
"""Largest number of bins over all subjects, unless each has `FEWEST_MARGINAL_BINS`."""


def marginal_bins(subjects: int) -> int:
    """Bins per subject for a number of subjects: a power of two."""
    bins = MARGINAL_BINS
    while bins > FEWEST_MARGINAL_BINS and bins * subjects > MARGINAL_COUNTERS:
        bins //= 2
    return bins


@dataclass(frozen=True)
class ScoreHistogram:
    """Scores as counts; satisfies `deidkit.scores.ScoreSet`.

    Attributes:
        counts: (bins,) int64 over [low, high].
        mean: Mean of the exact scores, not of the bins, to 1e-9 of the range.
        std: Standard deviation of the exact scores, population form, to 1e-9 of the range.
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
        """Numbers of the participating subjects, ascending."""
        return np.flatnonzero(self.marginals.any(axis=1)).astype(np.int32)

    @property
    def resolution(self) -> float:
        """Width of a bin."""
        return (self.high - self.low) / self.counts.size

    def distribution(self) -> Distribution:
        """The scores at bin centres, without empty bins, with the exact mean and standard deviation."""
        filled = np.flatnonzero(self.counts)
        weights = self.counts[filled].astype(np.float64)
        return Distribution.weighted(self._middles(filled), weights, (self.mean, self.std))

    def by_subject(self, values: int) -> SubjectCounts:
        """The scores counted for each subject in at most `values` bins."""
        merged = 1
        while self.marginals.shape[1] // merged > max(values, 1):
            merged *= 2
        subjects = self.subjects
        marginals = self.marginals[subjects].astype(np.int64)
        shares = marginals.reshape(len(subjects), -1, merged).sum(axis=2)
        fine = self.counts.reshape(shares.shape[1], -1)
        counts = fine.sum(axis=1)
        filled = np.flatnonzero(counts)
        middles = self._middles(np.arange(self.counts.size)).reshape(fine.shape)
        means = (middles * fine).sum(axis=1)[filled] / counts[filled]
        return SubjectCounts(means, counts[filled], subjects, shares[:, filled])

    def accepted(self, threshold: float) -> Acceptance:
        """Number of each subject's comparisons at or below a threshold.

        The bin that contains the threshold is split in the same ratio for each subject as for all comparisons.
        """
        subjects = self.subjects
        marginals = self.marginals[subjects]
        per_coarse = self.counts.size // marginals.shape[1]
        below = int(np.searchsorted(self._middles(np.arange(self.counts.size)), threshold, side="right"))
        whole = below // per_coarse
        accepted = marginals[:, :whole].sum(axis=1)
        if whole < marginals.shape[1]:
            bin_counts = self.counts[whole * per_coarse : (whole + 1) * per_coarse]
            part = bin_counts[: below - whole * per_coarse].sum() / max(int(bin_counts.sum()), 1)
            accepted = accepted + part * marginals[:, whole]
        return Acceptance(subjects, accepted, marginals.sum(axis=1), float(self.counts[:below].sum()), self.count)

    def histogram(self, low: float, high: float, bins: int) -> NDArray[np.int64]:
        """(bins,) counts over equal bins of [low, high]; scores outside count in the end bins."""
        filled = np.flatnonzero(self.counts)
        middles = np.clip(self._middles(filled), low, high)
        return np.histogram(middles, bins=bins, range=(low, high), weights=self.counts[filled])[0].astype(np.int64)

    def _middles(self, bins: NDArray[np.integer]) -> NDArray[np.float64]:
        return self.low + (bins.astype(np.float64) + 0.5) * self.resolution
