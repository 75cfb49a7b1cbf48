"""The difference of one number between two audits, with an interval that knows whether the people are the same."""

from __future__ import annotations

import math

import numpy as np

from deidkit.measures.bounds import mean_bounds
from deidkit.measures.evidence import Influence
from deidkit.measures.intervals import DEFAULT_SETTINGS, MIN_SUBJECTS, ContributionInterval, Interval, student, too_few
from deidkit.measures.metric import Metric, ScoreMetric
from deidkit.result import Estimate


def width_of(record: Metric | None) -> float | None:
    """How wide the natural range of a metric is; None for a mean, distance or ratio, whose interval knows no range."""
    if record is None or record.lowest is None or record.highest is None:
        return None
    contributed = isinstance(record, ScoreMetric) and isinstance(record.interval, ContributionInterval)
    bounded = record.rate or contributed or record.unit == "percentage points"
    return record.highest - record.lowest if bounded else None


def paired(before: Influence, after: Influence, width: float | None) -> Interval:
    """The interval of a difference over the same people.

    Each person contributes the difference of what they contribute to either number (jackknife pseudo-values), so what
    makes a person easy to recognize in both audits cancels.

    Args:
        before: What each person contributes to the first number.
        after: The same for the other; subjects are numbered alike.
        width: Of the natural range of the number, see `width_of`; with it the interval is a bound of the mean over
            people, without it Student's t.
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
    """The interval of a difference from the intervals of both numbers, as if their people were different ones.

    Zou and Donner (Statistics in Medicine 2008) combine the distances of the ends. Where the people are the same and
    easy ones are easy in both, it is wider than it need be.
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
