"""Sample size planning: how many people a requirement needs, before an audit or after an inconclusive one."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from deidkit.measures.intervals import DEFAULT_SETTINGS, MIN_SUBJECTS, ContributionInterval, NoInterval
from deidkit.measures.metric import Metric, ScoreMetric
from deidkit.measures.registry import metric
from deidkit.result import Estimate

MOST_PLANNED = 5000
"""Largest number of people tried for limits that depend on the number of people."""

_TAIL = (1.0 - DEFAULT_SETTINGS.confidence) / 2.0
"""Error probability of an interval on one side."""

Comparison = Literal[">=", "<="]


@dataclass(frozen=True)
class Limit:
    """A requirement on one metric.

    Attributes:
        on_point: Whether the point estimate is compared with the limit instead of the interval's end.
    """

    metric: str
    comparison: Comparison
    limit: float
    on_point: bool = False


@dataclass(frozen=True)
class Need:
    """Minimum number of people for a requirement: with fewer, not even a perfect result passes.

    Attributes:
        subjects: Minimum number; None if no number suffices or there is no interval.
        reason: One clause that explains the number or its absence.
    """

    subjects: int | None
    reason: str


def subjects_needed(rule: Limit) -> Need:
    """Smallest number of people with which a requirement can pass, given a perfect result."""
    record = metric(rule.metric)
    if rule.on_point:
        return Need(1, "the number itself is required, whatever its interval")
    if record is None:
        return Need(1, "a count is exact, however many people there are")
    interval = record.interval if isinstance(record, ScoreMetric) else None
    if isinstance(interval, NoInterval) or not record.bounded:
        return Need(None, "it has no interval; require the number itself by adding 'on point'")
    end = record.highest if rule.comparison == ">=" else record.lowest
    if end is not None and (rule.limit > end if rule.comparison == ">=" else rule.limit < end):
        return Need(None, f"a perfect result is {end:g}, so that no audit can pass")
    ends = _worst_and_best(record, rule.comparison)
    if ends is None:
        least = MIN_SUBJECTS
        return Need(least, f"an interval takes {least} people; how narrow it gets depends on how much people differ")
    worst, best = ends
    slack = (best - rule.limit) / (best - worst)
    if slack < 0.0:
        return Need(None, f"a perfect result is {best:g}, so that no audit can pass")
    if slack == 0.0:
        return Need(None, f"the interval of a perfect result, {best:g}, never reaches it; state a limit that differs")
    if slack >= 1.0:
        return Need(1, "every result meets it")
    return Need(
        max(people_to_exclude(slack), MIN_SUBJECTS if isinstance(interval, ContributionInterval) else 1),
        "with no exception among n people, the unfavourable end of the "
        f"{100 * DEFAULT_SETTINGS.confidence:g} % interval lies {_TAIL:g}^(1/n) of the way from {worst:g} to {best:g}",
    )


def unseen_share(people: int) -> float:
    """Upper bound, in 0..1, of the share of people with an event that none of `people` showed."""
    return 1.0 - math.pow(_TAIL, 1.0 / people)


def people_to_exclude(share: float) -> int:
    """Number of people, all without an event, needed to show that its share is below `share`."""
    return math.ceil(math.log(_TAIL) / math.log1p(-share) - 1e-9)


def subjects_needed_by_chance(rule: Limit) -> Need:
    """Like `subjects_needed`, for a limit above the rank-1 rate of a random guess among people, one hand of each."""
    for people in range(2, MOST_PLANNED + 1):
        need = subjects_needed(replace(rule, limit=100.0 / people + rule.limit))
        if need.subjects is not None and need.subjects <= people:
            return Need(people, f"{need.reason}, and chance is 1 in {people}, one hand of each person")
    return Need(None, f"not even a perfect result meets it with {MOST_PLANNED} people")


def impossible(rule: Limit, subjects: int) -> str | None:
    """Explain why no result can pass with so few people; None if one can."""
    need = subjects_needed(rule)
    text = f"{rule.metric} {rule.comparison} {rule.limit:g}"
    if need.subjects is None:
        return f"no result can pass `{text}`: {need.reason}"
    if subjects >= need.subjects:
        return None
    return f"with {subjects} people no result can pass `{text}`; at least {need.subjects} are needed"


def subjects_to_decide(rule: Limit, estimate: Estimate) -> int | None:
    """Estimate the total number of people with which an undecided requirement would be decided.

    Assumes further people like those seen: the interval's width is proportional to 1 / sqrt(n), or, without any
    exception so far, to 1 / n (rule of three).

    Returns:
        A number above `estimate.subjects`; None if there is no interval, the value is equal to the limit, or
        `hangs_on_threshold` is true.
    """
    value, people = estimate.value, estimate.subjects
    if value is None or not people:
        return None
    if hangs_on_threshold(rule, estimate):
        return None
    meets = value >= rule.limit if rule.comparison == ">=" else value <= rule.limit
    # the end of the interval on the other side of the limit than the value
    end = estimate.low if meets == (rule.comparison == ">=") else estimate.high
    gap = abs(value - rule.limit)
    if end is None or gap == 0.0:
        return None
    record = metric(rule.metric)
    no_exception = record is not None and record.rate and value in (record.lowest, record.highest)
    ratio = abs(value - end) / gap
    by_width = math.ceil(people * (ratio if no_exception else ratio**2))
    need = subjects_needed(rule).subjects or 0
    return max(by_width, need if meets else 0, people + 1)


def hangs_on_threshold(rule: Limit, estimate: Estimate) -> bool:
    """Whether equally good thresholds put the rate on both sides of the limit.

    More people of the same kind would not decide between them.
    """
    ends = estimate.threshold_range
    if ends is None:
        return False
    return len({end >= rule.limit if rule.comparison == ">=" else end <= rule.limit for end in ends}) > 1


def _worst_and_best(record: Metric, comparison: Comparison) -> tuple[float, float] | None:
    """Worst and best possible value of a metric with regard to a requirement; the best may be chance.

    None for metrics without a range.
    """
    if not (record.rate or record.unit in ("probability", "percentage points")):
        return None
    worst, best = record.lowest, record.highest
    if comparison == "<=":
        worst, best = best, worst
    if record.best is not None and (record.safer == "lower") == (comparison == "<="):
        best = record.best
    return None if worst is None or best is None else (worst, best)
