"""How many subjects would decide a requirement, from the width of an interval."""

from __future__ import annotations

import math

from deidkit.result import Estimate
from deidkit.verdict.rules import Condition

MOST_SUBJECTS = 1_000_000
"""More than this is no advice."""


def subjects_to_decide(condition: Condition, estimate: Estimate, limit: float) -> int | None:
    """About how many subjects would bring the interval to one side of the limit, if they gave the same number.

    The distance between a number and the end of its interval falls with the root of the number of subjects n, and with
    n itself where there were no exceptions (0 or 100 percent), as the rule of three says: 3/n.

    Args:
        condition: What has to hold.
        estimate: A number with its interval, which holds the limit.
        limit: The limit in the metric's unit.

    Returns:
        None where the number lies on the limit, or nothing is known about its subjects.
    """
    value, subjects = estimate.value, estimate.subjects
    if value is None or not subjects:
        return None
    towards_low = condition.met_by(value, limit) == (condition.comparison == ">=")
    end = estimate.low if towards_low else estimate.high
    if end is None or value == limit:
        return None
    ratio = abs(value - end) / abs(value - limit)
    without_exceptions = estimate.unit == "percent" and value in (0.0, 100.0)
    needed = subjects * (ratio if without_exceptions else ratio**2)
    return max(subjects + 1, math.ceil(needed)) if needed <= MOST_SUBJECTS else None
