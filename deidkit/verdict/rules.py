"""One requirement: a metric, a limit, and the recognizers it applies to."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from deidkit.errors import UsageError
from deidkit.findings import FINDING_COUNTS
from deidkit.measures import planning, registry
from deidkit.measures.attacks import STRONGEST
from deidkit.measures.planning import Limit, Need
from deidkit.result import Estimate
from deidkit.titles import metric_named

Comparison = Literal[">=", "<="]

CHANCE_RANK_1 = "chance_rank_1_percent"

_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)"
_LIMIT = re.compile(
    r"(?P<comparison>>=|<=|=>|=<|≥|≤)\s*"
    rf"(?:(?P<chance>chance)(?:\s*(?P<offset>[+-]\s*{_NUMBER}))?|(?P<number>-?{_NUMBER}))"
    r"\s*(?P<percent>%|percent)?\s*(?P<point>on\s+point)?\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Condition:
    """A metric and its limit.

    Attributes:
        limit: The limit in the metric's unit; an offset where `from_chance` is set.
        from_chance: Whether the limit is the chance level plus `limit`.
        on_point: Whether the point estimate is compared with the limit, and its interval ignored.
        band_end: End of a band that starts at the limit: values beyond it are out of distribution and not a success.
    """

    metric: str
    comparison: Comparison
    limit: float
    from_chance: bool = False
    on_point: bool = False
    band_end: float | None = None

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Read ``METRIC >= LIMIT`` or ``METRIC <= LIMIT``, with ``on point`` behind it to ignore the interval.

        The metric is given by its name, its title in the report or an abbreviation (``RR``, ``DIR``); the limit is
        a number, ``chance``, ``chance + NUMBER`` or ``chance - NUMBER``. A count of findings may be given by the
        finding's name only.

        Raises:
            UsageError: The form is wrong, chance has no meaning for the metric, or the limit is not in the metric's
                unit: everything or nothing meets it, or it is a fraction instead of a percentage.
        """
        start = re.search(r"[<>≥≤]|=[<>]", text)
        match = _LIMIT.fullmatch(text, start.start()) if start else None
        name = text[: start.start()].strip() if start else ""
        if match is None or not name:
            raise UsageError(
                f"the requirement '{text}' is not of the form 'METRIC >= NUMBER' or 'METRIC <= NUMBER [on point]', "
                "e.g. 'rejection_rate_percent >= 95' or 'rank_1_percent <= chance + 5'."
            )
        metric = metric_called(name)
        if match["chance"] and not has_chance_level(metric):
            raise UsageError(
                f"the requirement '{text}' names chance, which has no fixed value for {metric}; state a number."
            )
        limit = float((match["number"] or match["offset"] or "0").replace(" ", ""))
        comparison: Comparison = ">=" if match["comparison"] in (">=", "=>", "≥") else "<="
        if not match["chance"]:
            _check_unit(text, metric, comparison, limit, in_percent=bool(match["percent"]))
        return cls(metric, comparison, limit, bool(match["chance"]), bool(match["point"]))

    def with_band(self, end: float | None) -> Condition:
        """The condition as the start of a band that ends at `end`.

        Raises:
            UsageError: The end is not a finite number, or not beyond the limit.
        """
        if end is None:
            return self
        beyond = end > self.limit if self.comparison == ">=" else end < self.limit
        if not math.isfinite(end) or not (beyond or self.from_chance):
            raise UsageError(
                f"the band_end of '{self.metric} {self.comparison} {self.limit:g}' is {end:g}; a band ends at a number "
                f"{'above' if self.comparison == '>=' else 'below'} its limit."
            )
        return replace(self, band_end=end)

    def met_by(self, value: float, limit: float) -> bool:
        """Whether a value meets a limit of this condition."""
        return value >= limit if self.comparison == ">=" else value <= limit

    def limit_for(self, metrics: Mapping[str, Estimate]) -> float | None:
        """The limit as a number; None if the chance level, which is among `metrics`, was not measured."""
        if not self.from_chance:
            return self.limit
        chance = chance_level(self.metric, metrics)
        return None if chance is None else chance + self.limit

    def wrong_way(self) -> str | None:
        """A sentence if worse engines meet the limit, which is probably a mistake; None if better ones do.

        A limit beyond the value of a perfect anonymizer is not a mistake: it ends a band.
        """
        record = registry.metric(self.metric)
        better = record.safer if record else "lower"
        if better is None or (better == "higher") == (self.comparison == ">="):
            return None
        best = record.best if record and not self.from_chance else None
        if best is not None and (self.limit >= best if better == "higher" else self.limit <= best):
            return None
        other = ">=" if better == "higher" else "<="
        return (
            f"of {self.metric} {better} is better, so that worse engines meet `{self.comparison}`; write `{other}` if "
            "that was not meant"
        )

    def subjects_needed(self) -> Need:
        """The smallest number of people with whom a result can pass.

        Raises:
            UsageError: The limit depends on how many attacks there will be.
        """
        rule = Limit(self.metric, self.comparison, self.limit, self.on_point)
        if not self.from_chance:
            return planning.subjects_needed(rule)
        if is_linkage(self.metric):
            return planning.subjects_needed(replace(rule, limit=_linkage_chance(self.metric) + self.limit))
        if self.metric.startswith(STRONGEST):
            raise UsageError(
                f"what the luckiest of many attacks gives is known after an audit; state a number for {self.metric}."
            )
        return planning.subjects_needed_by_chance(rule)

    @property
    def beyond_chance(self) -> str:
        """What is added to or subtracted from chance, as policies write it."""
        return f"{'-' if self.limit < 0 else '+'} {abs(self.limit):g}"

    def impossible_with(self, subjects: int) -> str | None:
        """Reason why no result can pass with so few people; None if one can, or if unknown beforehand."""
        if registry.metric(self.metric) is None or (self.from_chance and self.metric.startswith(STRONGEST)):
            return None
        if not self.from_chance:
            limit = Limit(self.metric, self.comparison, self.limit, self.on_point)
            return planning.impossible(limit, subjects)
        need = self.subjects_needed()
        text = f"{self.metric} {self.comparison} chance {self.beyond_chance}"
        if need.subjects is None:
            return f"no result can pass `{text}`: {need.reason}"
        few = subjects < need.subjects
        return (
            f"with {subjects} people no result can pass `{text}`; at least {need.subjects} are needed" if few else None
        )


@dataclass(frozen=True, slots=True)
class Minimum:
    """The smallest evidence that can pass."""

    subjects: int = 0
    comparisons: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """One requirement of a policy.

    Attributes:
        recognizers: ``all``: against every recognizer; ``any``: one is enough; or the name or label of one.
        tier: Tier of the attacks whose strongest is judged; empty for all attacks on the palm.
        minimum: The smallest evidence that can pass.
    """

    text: str
    condition: Condition
    recognizers: str = "all"
    minimum: Minimum = Minimum()
    reason: str = ""
    tier: str = ""

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Parse one line, see `Condition.parse`; it applies to all recognizers and any number of subjects.

        Raises:
            UsageError: It is not of that form.
        """
        return cls(text.strip(), Condition.parse(text))

    def concerns(self, recognizer: str) -> bool:
        """Whether the rule applies to a recognizer, given its label."""
        return self.recognizers in ("all", "any", recognizer, recognizer.partition(" (")[0])


def metric_called(name: str) -> str:
    """The metric with a name, see `deidkit.titles.metric_named`, or the count of a kind of finding."""
    count = f"{'_'.join(re.findall(r'[a-z]+', name.lower()))}_count"
    return count if count in FINDING_COUNTS else metric_named(name)


def _check_unit(text: str, name: str, comparison: Comparison, limit: float, *, in_percent: bool) -> None:
    """Reject a limit in the wrong unit, which would be met, or missed, by any value."""
    record = registry.metric(name)
    if record is None:
        if name in FINDING_COUNTS and comparison == "<=" and limit < 0:
            raise UsageError(f"the requirement '{text}' is met by nothing: {name} is a count.")
        return
    of_percent = record.unit in ("percent", "percentage points")
    if in_percent and not of_percent:
        raise UsageError(f"the requirement '{text}' is in percent, and {name} is not: its unit is {record.unit}.")
    if of_percent and record.group != "usability" and 0 < limit < 1 and not in_percent:
        raise UsageError(
            f"the requirement '{text}' asks for {limit:g} percent; write {100 * limit:g} for {100 * limit:g} %, or "
            f"'{limit:g} %' if so little is meant."
        )
    end = record.lowest if comparison == ">=" else record.highest
    if end is not None and (limit < end if comparison == ">=" else limit > end):
        side = "least" if comparison == ">=" else "most"
        raise UsageError(
            f"the requirement '{text}' is met by everything: {name} is at {side} {end:g}, its unit is {record.unit}."
        )
    end = record.highest if comparison == ">=" else record.lowest
    if end is not None and (limit > end if comparison == ">=" else limit < end):
        side = "most" if comparison == ">=" else "least"
        raise UsageError(
            f"the requirement '{text}' is met by nothing: {name} is at {side} {end:g}, its unit is {record.unit}."
        )


def has_chance_level(metric: str) -> bool:
    """Whether guessing has a known value of a metric."""
    return metric.removeprefix(STRONGEST).startswith("rank_1_") or is_linkage(metric)


def is_linkage(metric: str) -> bool:
    """Whether chance is in the middle of a metric's scale, so that deviations in either direction show linkage."""
    return "linkage" in metric and metric.endswith(("_eer_percent", "_auc"))


def chance_level(metric: str, metrics: Mapping[str, Estimate]) -> float | None:
    """Value of a metric for guessing; None if unknown.

    50 % or 0.5 for linkage, the measured chance of rank-1, and for the strongest of many attacks the 95 % quantile of
    the luckiest of as many guesses.
    """
    if is_linkage(metric):
        return _linkage_chance(metric)
    if metric.startswith(STRONGEST):
        estimate = metrics.get(metric)
        chance = estimate.parameters.get("chance_of_the_strongest_percent") if estimate else None
        return float(chance) if chance is not None else None
    measured = metrics.get(CHANCE_RANK_1)
    return measured.value if measured else None


def _linkage_chance(metric: str) -> float:
    return 50.0 if metric.endswith("_percent") else 0.5
