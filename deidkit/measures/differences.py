"""Difference of one number between two audits, with an interval for paired or unpaired subjects."""

from __future__ import annotations

import math

import numpy as np

from deidkit.measures.bounds import mean_bounds
from deidkit.measures.evidence import Influence
from deidkit.measures.intervals import DEFAULT_SETTINGS, MIN_SUBJECTS, ContributionInterval, Interval, student, too_few
from deidkit.measures.metric import Metric, ScoreMetric
from deidkit.result import Estimate


def width_of(record: Metric | None) -> float | None:
    """Width of a metric's range; None for means, distances and ratios, whose intervals do not use a range."""
    if record is None or record.lowest is None or record.highest is None:
        return None
    contributed = isinstance(record, ScoreMetric) and isinstance(record.interval, ContributionInterval)
    bounded = record.rate or contributed or record.unit == "percentage points"
    return record.highest - record.lowest if bounded else None


def paired(before: Influence, after: Influence, width: float | None) -> Interval:
    """Interval of a difference between two audits of the same people.

    Uses each person's difference of jackknife pseudo-values, so that what makes a person easy to recognize in both
    audits cancels.

    Args:
        before: Contributions to the first audit's number.
        after: Contributions to the other's; with the same subject numbers.
        width: Width of the metric's range, see `width_of`; the interval is a bound of the mean over people, or for
            None that of Student's t.
    """
    people = np.union1d(before.subjects, after.subjects)
    fewest = min(len(before.subjects), len(after.subjects))
    if fewest < MIN_SUBJECTS:
        return too_few(fewest)
    value = after.value - before.value
    differences = np.full(len(people), value)
    for influence, sign in ((before, -1.0), (after, 1.0)):
        rows = np.searchsorted(people, influence.subjects)
        scale = len(people) / len(influence.subjects)
        differences[rows] += sign * scale * (influence.pseudo_values - influence.value)
    if width is None:
        error = float(differences.std(ddof=1)) / math.sqrt(len(people))
        return student(value, error, fewest, DEFAULT_SETTINGS, bias=after.bias - before.bias)
    low, high = mean_bounds(differences, lowest=-width, highest=width, confidence=DEFAULT_SETTINGS.confidence)
    text = (
        f"{100 * DEFAULT_SETTINGS.confidence:g} %, two-sided, {len(people)} subjects in both: bound of the mean over "
        "people's own differences (jackknife, Gaffke)"
    )
    return Interval(min(low, value), max(high, value), text, len(people))


def unpaired(before: Estimate, after: Estimate) -> Interval:
    """Interval of a difference from the intervals of both numbers, treating their people as independent.

    Combines the distances to the ends as Zou and Donner (Statistics in Medicine 2008). If the people are the same, and
    their results correlate, it is wider than necessary.
    """
    ends = (before.low, before.high, after.low, after.high)
    if before.value is None or after.value is None or any(end is None for end in ends):
        lacking = next((e.interval for e in (before, after) if e.low is None and e.interval), "there is none")
        return Interval(
            None, None, f"not computed: a number has no interval ({lacking.removeprefix('not computed: ')})"
        )
    low_a, high_a, low_b, high_b = (float(end) for end in ends if end is not None)
    difference = after.value - before.value
    low = difference - math.hypot(after.value - low_b, high_a - before.value)
    high = difference + math.hypot(high_b - after.value, before.value - low_a)
    return Interval(low, high, "95 %, two-sided: both intervals combined as if of different people (Zou and Donner)")
