"""Failure to acquire (FTA): pictures that give no template, and the rejection rate that includes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidkit.errors import NotComputable
from deidkit.measures.bounds import mean_bounds
from deidkit.measures.evidence import Evidence
from deidkit.measures.intervals import NONE_ASKED_FOR, Interval, ShareInterval, bounded, combined
from deidkit.measures.recognition import EQUAL_ERROR
from deidkit.protocols import IntervalSettings
from deidkit.result import Estimate


@dataclass(frozen=True)
class Acquisition:
    """Attempts and failures to acquire a template, by subject.

    Attributes:
        subjects: (n,) int32 subject numbers, ascending.
        attempts: (n,) int64 pictures of each subject, at least 1.
        failures: (n,) int64 pictures without a template, at most `attempts`.
    """

    subjects: NDArray[np.int32]
    attempts: NDArray[np.int64]
    failures: NDArray[np.int64]

    @classmethod
    def of(cls, attempted: NDArray[np.int32], acquired: NDArray[np.int32]) -> Acquisition:
        """Count by subject; takes the subject of every attempted picture and of every acquired template."""
        subjects, attempts = np.unique(attempted, return_counts=True)
        size = int(subjects[-1]) + 1 if len(subjects) else 0
        templates = np.bincount(acquired, minlength=size)[subjects] if len(subjects) else attempts
        return cls(subjects.astype(np.int32), attempts, attempts - templates)


def failure_to_acquire(acquisition: Acquisition, settings: IntervalSettings | None) -> Estimate:
    """Failure-to-acquire rate: percentage of pictures without a template."""
    attempts, failures = int(acquisition.attempts.sum()), int(acquisition.failures.sum())
    if attempts == 0:
        return Estimate(
            value=None, unit="percent", reason="Nothing was attempted.", remedy="Use a data set with samples."
        )
    value, people = 100.0 * failures / attempts, len(acquisition.subjects)
    found = NONE_ASKED_FOR
    if settings is not None:
        shares = acquisition.failures / acquisition.attempts
        ends = mean_bounds(shares, acquisition.attempts, confidence=settings.confidence)
        what = "bound of the mean over people's own shares of failures (Gaffke)"
        found = bounded((100 * ends[0], 100 * ends[1]), value, (0.0, 100.0), people, settings, what)
    return Estimate(
        value=value,
        unit="percent",
        low=found.low,
        high=found.high,
        interval=found.text,
        subjects=people,
        comparisons=attempts,
        parameters={"failures": failures, "attempts": attempts},
    )


def rejection_with_failures(
    rejection: Estimate, evidence: Evidence, acquisition: Acquisition, settings: IntervalSettings | None
) -> Estimate:
    """Rejection rate with failures to acquire counted as rejections, in percent."""
    attempts, failures = int(acquisition.attempts.sum()), int(acquisition.failures.sum())
    if attempts == 0 or (rejection.value is None and failures < attempts):
        return Estimate(value=None, unit="percent", safer="higher", reason=rejection.reason, remedy=rejection.remedy)
    share = failures / attempts
    value = 100.0 * share + (1 - share) * (100.0 if rejection.value is None else rejection.value)
    found = NONE_ASKED_FOR
    if settings is not None:
        try:
            ends, people = _bounds(value / 100.0, share, evidence, acquisition, settings)
            what = "bound of the mean over people's own shares (Gaffke), and the uncertainty of the threshold"
            found = bounded((100 * ends[0], 100 * ends[1]), value, (0.0, 100.0), people, settings, what)
        except NotComputable as error:
            found = Interval(None, None, f"not computed: {error.reason}")
    return Estimate(
        value=value,
        unit="percent",
        safer="higher",
        low=found.low,
        high=found.high,
        interval=found.text,
        subjects=len(acquisition.subjects),
        comparisons=attempts,
        parameters={**rejection.parameters, "failures": failures, "attempts": attempts},
    )


def _bounds(
    value: float, share: float, evidence: Evidence, acquisition: Acquisition, settings: IntervalSettings
) -> tuple[tuple[float, float], int]:
    """Bounds of the rate that includes failures, in 0..1, and the number of subjects."""
    failed = acquisition.failures / acquisition.attempts
    rejected = np.ones(len(failed))
    shifts = (0.0, 0.0)
    if share < 1.0:
        found = evidence.accepted("deidentified", EQUAL_ERROR.threshold(evidence.inputs))
        overall = 1.0 - found.total_accepted / found.total
        rejected = np.full(len(failed), overall)
        here = np.isin(acquisition.subjects, found.subjects)
        rows = np.searchsorted(found.subjects, acquisition.subjects[here])
        rejected[here] = 1.0 - found.accepted[rows] / found.compared[rows]
        less, more = ShareInterval("deidentified", EQUAL_ERROR, rejected=True).shifts(overall, evidence, settings)
        shifts = ((1.0 - share) * less, (1.0 - share) * more)
    shares = failed + (1.0 - failed) * rejected
    mean = float(np.average(shares, weights=acquisition.attempts))
    low, high = mean_bounds(shares, acquisition.attempts, confidence=settings.confidence)
    return combined((value - (mean - low), value + (high - mean)), value, shifts), len(failed)
