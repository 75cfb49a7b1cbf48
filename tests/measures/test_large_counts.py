"""Billions of comparisons: counts do not overflow, and metrics are those of the shares."""

from __future__ import annotations

import numpy as np
import pytest

from deidkit.comparison import ScoreHistogram
from deidkit.measures import IntervalSettings, score_estimates
from deidkit.measures.error_rates import equal_error_rate
from deidkit.scores import Distribution


def bell(middle: float, width: float, total: int, bins: int = 65_536) -> np.ndarray:
    """Counts of so many scores, whole numbers."""
    places = (np.arange(bins) + 0.5) / bins
    density = np.exp(-(((places - middle) / width) ** 2) / 2)
    return np.round(density / density.sum() * total).astype(np.int64)


def kept(middle: float, width: float, total: int, subjects: int = 40) -> ScoreHistogram:
    counts = bell(middle, width, total)
    each = counts.reshape(1_024, -1).sum(axis=1) * 2.0 / subjects  # every comparison is of two people
    return ScoreHistogram(counts, 0.0, 1.0, middle, width, np.tile(each, (subjects, 1)))


def test_metrics_of_twelve_billion_comparisons_are_those_of_their_shares() -> None:
    genuine, impostor = kept(0.40, 0.03, 4 * 10**6), kept(0.47, 0.02, 12 * 10**9)
    assert impostor.count > 2**33
    found = equal_error_rate(genuine.distribution(), impostor.distribution())
    small = equal_error_rate(
        Distribution.weighted(genuine.distribution().values, genuine.distribution().weights / 4_000),
        Distribution.weighted(impostor.distribution().values, impostor.distribution().weights / 12_000_000),
    )
    assert found.eer == pytest.approx(small.eer, abs=1e-12)
    sets = {
        "genuine": genuine,
        "impostor": impostor,
        "deidentified": kept(0.41, 0.03, 10**5),
        "deidentified_nonmated": kept(0.47, 0.02, 12 * 10**9),
    }
    estimates = score_estimates(sets, IntervalSettings())
    assert estimates["eer_percent"].comparisons == impostor.count
    assert estimates["linkage_d_sys"].value is not None
    assert "not_computed" not in estimates["linkage_d_sys"].parameters
    at_fmr = estimates["fnmr_percent_at_fmr_0_01_percent"]
    assert at_fmr.value is not None and 0 < at_fmr.value < 100
