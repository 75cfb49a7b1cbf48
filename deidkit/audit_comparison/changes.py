"""Changes of every number of one engine, and whether they are more than noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from deidkit.audit_changes import Change, Direction
from deidkit.findings import MISSING, count_of
from deidkit.measures import Contributions, MetricKey, registry
from deidkit.measures.differences import paired, unpaired, width_of
from deidkit.measures.metric import Metric
from deidkit.result import AuditResult, Estimate
from deidkit.titles import title_of

Scope = Literal["cell", "attacks", "quality", "usability", "findings"]

HEADLINE = (
    "strongest_rank_1_percent",
    "strongest_linkage_eer_percent",
    "rank_1_percent",
    "linkage_eer_percent",
    "copy_linkage_eer_percent",
    "rejection_rate_percent_at_fmr_1_percent",
    "deid_ratio_percent",
    "ssim",
    "ssim_outside",
    "psnr",
)
"""Metrics that are shown first, in addition to all findings."""


class Key(NamedTuple):
    """Position of a number among those of an engine."""

    scope: Scope
    recognizer: str
    metric: str


@dataclass(frozen=True)
class Numbers:
    """The numbers of one engine in one audit.

    Attributes:
        contributions: People's contributions to them; empty if unknown.
    """

    result: AuditResult
    engine: str
    contributions: Contributions

    def estimates(self) -> dict[Key, Estimate]:
        """All numbers in order: strongest attack, recognizers, quality, usability, findings."""
        return dict(self._estimates())

    def metric_key(self, key: Key) -> MetricKey:
        """Key of a number in `contributions`."""
        return MetricKey(key.scope, self.engine, key.recognizer, key.metric)

    def _estimates(self) -> Iterator[tuple[Key, Estimate]]:
        for attacked in self.result.attacks:
            if attacked.engine == self.engine and attacked.strongest:
                for name, estimate in attacked.strongest.metrics.items():
                    yield Key("attacks", "", name), estimate
        for cell in self.result.cells:
            if cell.engine == self.engine:
                for name, estimate in cell.metrics.items():
                    yield Key("cell", cell.recognizer, name), estimate
        engine = next(e for e in self.result.engines if e.component.label == self.engine)
        for name, estimate in engine.quality.items():
            yield Key("quality", "", name), estimate
        for name, estimate in engine.usability.items():
            yield Key("usability", "", name), estimate
        yield Key("findings", "", MISSING.name), Estimate.of_count(count_of(MISSING, engine))
        for finding in engine.coverage:
            if finding.finding != MISSING.name:
                count = Estimate.of_count(finding.count, decides=finding.weight != "note")
                yield Key("findings", "", finding.name), count


def changes(before: Numbers, after: Numbers) -> list[Change]:
    """Compare all numbers that were computed for at least one of two engines."""
    a, b = before.estimates(), after.estimates()
    found = []
    for key in dict.fromkeys([*a, *b]):
        decides = (a.get(key) or b[key]).safer is not None
        none = Estimate.of_count(0, decides=decides) if key.scope == "findings" else None
        first, second = a.get(key, none), b.get(key, none)
        if not any(
            estimate and estimate.value is not None and (estimate.value or not none) for estimate in (first, second)
        ):
            continue  # nothing was computed in either, or nothing found
        found.append(_change(key, first, second, before, after))
    return found


def _change(key: Key, first: Estimate | None, second: Estimate | None, before: Numbers, after: Numbers) -> Change:
    record = registry.metric(key.metric)
    difference, both = _difference(key, first, second, before, after)
    safer = next((e.safer for e in (second, first) if e is not None and e.safer), record.safer if record else None)
    return Change(
        scope=key.scope,
        recognizer=key.recognizer,
        metric=key.metric,
        title=title_of(key.metric),
        before=first,
        after=second,
        difference=difference,
        direction=_direction(difference, safer, _beyond_best(record, safer, first, second)),
        paired=both,
        headline=key.metric in HEADLINE or key.scope == "findings",
    )


def _difference(
    key: Key, first: Estimate | None, second: Estimate | None, before: Numbers, after: Numbers
) -> tuple[Estimate, bool]:
    """Difference, after minus before, and whether its interval is paired over the same people."""
    if first is None or second is None or first.value is None or second.value is None:
        without_value = [e for e in (first, second) if e is not None and e.value is None]
        unit = next((e.unit for e in (first, second) if e is not None), "")
        if not without_value:
            reason, remedy = "One of the audits has no such number.", "Audit both with the same measures and attackers."
        else:
            reason, remedy = without_value[0].reason, without_value[0].remedy
        return Estimate(value=None, unit=unit, reason=reason, remedy=remedy), False
    unit = "percentage points" if first.unit == "percent" else first.unit
    value = second.value - first.value
    if first.exact and second.exact:
        return Estimate(value=value, unit=unit, low=value, high=value, interval="a count", exact=True), False
    people = [side.contributions.get(side.metric_key(key)) for side in (before, after)]
    if people[0] is not None and people[1] is not None:
        found, both = paired(people[0], people[1], width_of(registry.metric(key.metric))), True
    else:
        found, both = unpaired(first, second), False
    return Estimate(
        value=value, unit=unit, low=found.low, high=found.high, interval=found.text, subjects=found.subjects
    ), both


def _beyond_best(record: Metric | None, safer: str | None, *estimates: Estimate | None) -> float:
    """How far the safer of two numbers exceeds a perfect anonymizer's, where a difference is no improvement."""
    if record is None or record.best is None or safer is None:
        return 0.0
    sign = 1.0 if safer == "higher" else -1.0
    return max([0.0, *(sign * (e.value - record.best) for e in estimates if e is not None and e.value is not None)])


def _direction(difference: Estimate, safer: str | None, beyond_best: float) -> Direction:
    if difference.value is None:
        return "not decided"
    if difference.value == 0.0 or (
        difference.low is not None and difference.high is not None and difference.low <= 0.0 <= difference.high
    ):
        return "within the noise"
    if difference.low is None or difference.high is None:
        return "not decided"
    if safer is None or min(abs(difference.low), abs(difference.high)) <= beyond_best:
        return "changed"
    return "better" if (difference.value > 0.0) == (safer == "higher") else "worse"
