"""Stated requirements: what the user wants to hold, judged on the unfavourable end of each interval."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from deidkit.errors import UsageError
from deidkit.result import Cell, EngineResult, Estimate, Requirement, Verdict

_PATTERN = re.compile(
    r"^\s*(?P<metric>[a-z][a-z0-9_]*)\s*(?P<comparison>>=|<=)\s*(?P<limit>-?\d+(\.\d+)?)\s*%?\s*(?P<point>on\s+point)?\s*$"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One requirement as the user wrote it, taken apart."""

    text: str
    metric: str
    comparison: Literal[">=", "<="]
    limit: float
    on_point: bool

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Read ``METRIC >= NUMBER`` or ``METRIC <= NUMBER``, with ``on point`` behind it to ignore the interval.

        Raises:
            UsageError: It is not of that form.
        """
        match = _PATTERN.match(text)
        if match is None:
            raise UsageError(
                f"the requirement '{text}' is not of the form 'METRIC >= NUMBER' or 'METRIC <= NUMBER [on point]', "
                "e.g. 'rejection_rate_percent >= 95'."
            )
        comparison: Literal[">=", "<="] = ">=" if match["comparison"] == ">=" else "<="
        return cls(text.strip(), match["metric"], comparison, float(match["limit"]), bool(match["point"]))

    def judge(self, estimate: Estimate | None, engine: str, recognizer: str) -> Requirement:
        """Hold one estimate against the limit."""
        bound, why = self._bound(estimate)
        if bound is None:
            return Requirement(
                text=self.text,
                engine=engine,
                recognizer=recognizer,
                status="INCONCLUSIVE",
                measured=None,
                explanation=why,
            )
        met = bound >= self.limit if self.comparison == ">=" else bound <= self.limit
        return Requirement(
            text=self.text,
            engine=engine,
            recognizer=recognizer,
            status="PASS" if met else "FAIL",
            measured=bound,
            explanation=f"{why} {bound:.4g}, required {self.comparison} {self.limit:g}",
        )

    def _bound(self, estimate: Estimate | None) -> tuple[float | None, str]:
        if estimate is None:
            return None, f"{self.metric} was not measured here"
        if estimate.value is None:
            return None, f"not computed: {estimate.reason} {estimate.remedy}".strip()
        if self.on_point:
            return estimate.value, "point estimate"
        if estimate.exact:
            return estimate.value, "counted exactly:"
        bound = estimate.low if self.comparison == ">=" else estimate.high
        if bound is None:
            why = estimate.interval.removeprefix("not computed: ") or "the number has none"
            return None, f"no interval was computed ({why}); judge the number itself by adding 'on point'"
        return bound, "unfavourable end of the interval"


def check_names(rules: list[Rule], known: Iterable[str]) -> None:
    """Refuse a requirement on a metric that no audit measures, before hours are spent.

    Raises:
        UsageError: A name is unknown; the message suggests the nearest.
    """
    names = sorted(known)
    for rule in rules:
        if rule.metric not in names:
            near = get_close_matches(rule.metric, names, n=1)
            meant = f" Did you mean '{near[0]}'?" if near else ""
            raise UsageError(f"no metric is named '{rule.metric}'.{meant} Known: {', '.join(names)}.")


def verdict(rules: list[Rule], engines: list[EngineResult], cells: list[Cell], raised: Sequence[str] = ()) -> Verdict:
    """Judge every rule on every engine that is not a control, and against every recognizer where it applies.

    Args:
        rules: What was stated.
        engines: What each engine did.
        cells: What each recognizer said of it.
        raised: Sentences about plugins that raised or broke their contract: nothing passes on such evidence.
    """
    if not rules:
        return Verdict(
            status="NO REQUIREMENT",
            sentence="No requirement was stated, so this audit reports measurements and no verdict.",
        )
    judged: list[Requirement] = []
    for rule in rules:
        for engine in engines:
            if engine.component.control:
                continue
            label = engine.component.label
            of_pictures = {**engine.quality, **engine.usability}
            if rule.metric in of_pictures:
                judged.append(rule.judge(of_pictures[rule.metric], label, ""))
                continue
            judged += [
                rule.judge(cell.metrics.get(rule.metric), label, cell.recognizer)
                for cell in cells
                if cell.engine == label
            ]
    statuses = [requirement.status for requirement in judged]
    if "FAIL" in statuses:
        count = statuses.count("FAIL")
        return Verdict(
            status="FAIL",
            sentence=f"{count} of {len(judged)} checks of the stated requirements failed.",
            requirements=judged,
        )
    if "INCONCLUSIVE" in statuses or not judged:
        count = statuses.count("INCONCLUSIVE")
        return Verdict(
            status="INCONCLUSIVE",
            sentence=f"{count} of {len(judged)} checks of the stated requirements could not be evaluated."
            if judged
            else "Only control engines were audited, so there was nothing to hold the requirements against.",
            requirements=judged,
        )
    passed = f"All {len(judged)} checks of the stated requirements passed, on these data and recognizers"
    if raised:
        return Verdict(
            status="INCONCLUSIVE",
            sentence=f"{passed}, but the evidence is incomplete: {raised[0]}.",
            requirements=judged,
        )
    partial = [engine for engine in engines if engine.produced < engine.expected and not engine.component.control]
    counted = "; ".join(f"{e.component.label} made {e.produced} of {e.expected} copies" for e in partial)
    return Verdict(status="PASS", sentence=f"{passed}{f'; {counted}' if counted else ''}.", requirements=judged)
