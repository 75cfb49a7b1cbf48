"""Lower and upper bounds of a metric, with all sources of uncertainty that widen them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from deidkit.result import Estimate
from deidkit.verdict.rules import is_linkage


@dataclass(frozen=True, slots=True)
class Bounds:
    """Range of a metric's value.

    Attributes:
        low: Lower end; None if there is none.
        high: Upper end; None if there is none.
        source: Description of the ends, for a sentence.
        from_sampling: Whether only the number of subjects determines its width, so that more subjects narrow it.
    """

    low: float | None
    high: float | None
    source: str
    absent: str = ""
    from_sampling: bool = False


def bounds_of(metric: str, estimate: Estimate, *, on_point: bool = False) -> Bounds:
    """Range of a metric's value.

    Returns:
        Its interval; for a rejection rate widened by the range of thresholds with the same equal error rate; for
        linkage folded at chance, because an attacker who knows that copies of one hand are dissimilar inverts the
        decision. No ends if one is not finite, or they are in the wrong order.
    """
    if on_point or estimate.exact:
        bounds = Bounds(estimate.value, estimate.value, "counted exactly" if estimate.exact else "point estimate")
    else:
        bounds = _interval(estimate)
    found = threshold_range(estimate)
    if found and not on_point:
        low = None if bounds.low is None else min(bounds.low, found[0])
        high = None if bounds.high is None else max(bounds.high, found[1])
        if (low, high) != (bounds.low, bounds.high):
            source = "the interval with the range of thresholds of the same EER"
            bounds = Bounds(low, high, source, bounds.absent)
    return _folded(bounds, metric) if is_linkage(metric) else bounds


def threshold_range(estimate: Estimate) -> tuple[float, float] | None:
    """Range of the rejection rate, in percent, over all thresholds with the same equal error rate; None if unknown."""
    ends = [estimate.parameters.get(f"percent_at_threshold_{end}") for end in ("low", "high")]
    known = [float(end) for end in ends if isinstance(end, int | float) and math.isfinite(end)]
    return (min(known), max(known)) if len(known) == 2 else None


def _interval(estimate: Estimate) -> Bounds:
    low, high = estimate.low, estimate.high
    finite = all(math.isfinite(end) for end in (low, high) if end is not None)
    if not finite or (low is not None and high is not None and low > high):
        low = high = None
    absent = estimate.interval.removeprefix("not computed: ") or "the number has none"
    return Bounds(low, high, "the 95 % interval", absent, from_sampling=True)


def _folded(bounds: Bounds, metric: str) -> Bounds:
    """Bounds by distance from chance, as an error rate below chance or an AUC above it."""
    chance, sign = (50.0, -1) if metric.endswith("_percent") else (0.5, 1)
    offsets = [None if end is None else end - chance for end in (bounds.low, bounds.high)]
    below, above = offsets
    nearest = max((offset for offset in (below, None if above is None else -above) if offset is not None), default=0.0)
    farthest = None if below is None or above is None else max(abs(below), abs(above))
    ends = (chance + sign * max(nearest, 0.0), None if farthest is None else chance + sign * farthest)
    low, high = ends if sign > 0 else ends[::-1]
    unchanged = (low, high) == (bounds.low, bounds.high)
    return Bounds(low, high, bounds.source, bounds.absent, bounds.from_sampling and unchanged)
