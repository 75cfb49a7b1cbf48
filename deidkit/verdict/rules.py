"""One requirement as it was written: a metric, a limit, and what may be held against it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from deidkit.errors import UsageError
from deidkit.measures.attacks import STRONGEST
from deidkit.result import Estimate
from deidkit.titles import metric_named

Comparison = Literal[">=", "<="]

CHANCE_RANK_1 = "chance_rank_1_percent"

_NUMBER = r"\d+(?:\.\d+)?"
_LIMIT = re.compile(
    rf"(?P<comparison>>=|<=)\s*(?:(?P<chance>chance)(?:\s*(?P<offset>[+-]\s*{_NUMBER}))?|(?P<number>-?{_NUMBER}))"
    r"\s*%?\s*(?P<point>on\s+point)?\s*"
)


@dataclass(frozen=True, slots=True)
class Condition:
    """A metric and its limit.

    Attributes:
        metric: Name of the metric.
        comparison: Which way the limit goes.
        limit: The limit in the metric's unit; an offset where `from_chance` is set.
        from_chance: Whether the limit is what chance gives plus `limit`.
        on_point: Whether the number itself is held against the limit, and its interval ignored.
        band_end: Where a band ends that begins at the limit: values beyond it are out of distribution and no success.
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

        The metric stands by its name, its title in the report or an abbreviation (``RR``, ``DIR``); the limit is a
        number, ``chance``, ``chance + NUMBER`` or ``chance - NUMBER``.

        Raises:
            UsageError: It is not of that form, or chance has no meaning for the metric.
        """
        start = re.search(r"[<>]", text)
        match = _LIMIT.fullmatch(text, start.start()) if start else None
        name = text[: start.start()].strip() if start else ""
        if match is None or not name:
            raise UsageError(
                f"the requirement '{text}' is not of the form 'METRIC >= NUMBER' or 'METRIC <= NUMBER [on point]', "
                "e.g. 'rejection_rate_percent >= 95' or 'rank_1_percent <= chance + 5'."
            )
        metric = metric_named(name)
        if match["chance"] and not has_chance_level(metric):
            raise UsageError(
                f"the requirement '{text}' names chance, which has no fixed value for {metric}; state a number."
            )
        limit = float((match["number"] or match["offset"] or "0").replace(" ", ""))
        comparison: Comparison = ">=" if match["comparison"] == ">=" else "<="
        return cls(metric, comparison, limit, bool(match["chance"]), bool(match["point"]))

    def met_by(self, value: float, limit: float) -> bool:
        """Whether a value meets a limit of this condition."""
        return value >= limit if self.comparison == ">=" else value <= limit

    def limit_for(self, metrics: Mapping[str, Estimate]) -> float | None:
        """The limit as a number.

        Args:
            metrics: What was measured in the same place: it holds the chance level of rank-1.

        Returns:
            None where the chance level was not measured.
        """
        if not self.from_chance:
            return self.limit
        chance = chance_level(self.metric, metrics)
        return None if chance is None else chance + self.limit


@dataclass(frozen=True, slots=True)
class Minimum:
    """The smallest evidence that can pass.

    Attributes:
        subjects: People behind the number.
        comparisons: Comparisons, or pictures, behind it.
    """

    subjects: int = 0
    comparisons: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """One requirement of a policy.

    Attributes:
        text: As it was written.
        condition: What has to hold.
        recognizers: ``all``: against every recognizer; ``any``: one is enough; or the name or label of one.
        minimum: The smallest evidence that can pass.
        reason: Why it is required.
    """

    text: str
    condition: Condition
    recognizers: str = "all"
    minimum: Minimum = Minimum()
    reason: str = ""

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Read one line, see `Condition.parse`; it is for all recognizers and for any number of subjects.

        Raises:
            UsageError: It is not of that form.
        """
        return cls(text.strip(), Condition.parse(text))

    def concerns(self, recognizer: str) -> bool:
        """Whether the rule is for a recognizer, given its label."""
        return self.recognizers in ("all", "any", recognizer, recognizer.partition(" (")[0])


def has_chance_level(metric: str) -> bool:
    """Whether an attacker who guesses gets a known value of a metric."""
    return metric.removeprefix(STRONGEST).startswith("rank_1_") or is_linkage(metric)


def is_linkage(metric: str) -> bool:
    """Whether chance lies in the middle of a metric's scale, so that a distance from it either way shows a link."""
    return "linkage" in metric and metric.endswith(("_eer_percent", "_auc"))


def chance_level(metric: str, metrics: Mapping[str, Estimate]) -> float | None:
    """What an attacker who guesses gets; None if unknown.

    50 % or 0.5 for linkage, the measured chance of rank-1, and for the strongest of many attacks what the luckiest of
    as many guesses gets in 95 of 100 audits.
    """
    if is_linkage(metric):
        return 50.0 if metric.endswith("_percent") else 0.5
    if metric.startswith(STRONGEST):
        estimate = metrics.get(metric)
        chance = estimate.parameters.get("chance_of_the_strongest_percent") if estimate else None
        return float(chance) if chance is not None else None
    measured = metrics.get(CHANCE_RANK_1)
    return measured.value if measured else None
