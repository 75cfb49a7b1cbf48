"""Judges one metric by one requirement."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from deidkit.measures.planning import Limit, hangs_on_threshold, subjects_to_decide
from deidkit.result import Estimate, Status
from deidkit.verdict.bounds import Bounds, bounds_of
from deidkit.verdict.rules import Condition, Rule


@dataclass(frozen=True, slots=True)
class Judgement:
    """Result of one requirement on one metric.

    Attributes:
        status: PASS if the unfavourable end of the interval meets the limit, FAIL if not even the favourable end does,
            INCONCLUSIVE between.
        measured: The end of the interval that decided, the unfavourable one if undecided; None if there was none.
        subjects_needed: Approximate number of subjects for a decision; None if decided or unknown.
    """

    status: Status
    explanation: str
    measured: float | None = None
    subjects_needed: int | None = None


_AS_GOOD = (
    "thresholds that are as good lie on both sides, so that more subjects need not decide it: require the rate at a "
    "fixed false match rate, such as 'RR at FMR 1 %'"
)


def judge_metric(rule: Rule, metrics: Mapping[str, Estimate]) -> Judgement:
    """Judge a metric by a requirement.

    An interval is two-sided and misses on each side in at most 2.5 % of samples, so each decision is a one-sided test
    at 2.5 %.
    """
    condition = rule.condition
    estimate, limit = metrics.get(condition.metric), condition.limit_for(metrics)
    if estimate is None:
        return Judgement("INCONCLUSIVE", f"{condition.metric} was not measured here")
    if estimate.value is None or not math.isfinite(estimate.value):
        why = f"{estimate.reason} {estimate.remedy}".strip() or "no reason was recorded"
        return Judgement("INCONCLUSIVE", f"not computed: {why}")
    if limit is None:
        return Judgement("INCONCLUSIVE", "the chance level was not measured, so there is no limit")
    bounds = bounds_of(condition.metric, estimate, on_point=condition.on_point)
    judged = _judge(condition, bounds, limit, _required(condition, limit))
    undecided = judged.measured is not None and not condition.met_by(judged.measured, limit)
    if judged.status == "INCONCLUSIVE" and undecided and bounds.from_sampling:
        number = Limit(condition.metric, condition.comparison, limit)
        if hangs_on_threshold(number, estimate):
            return replace(judged, explanation=f"{judged.explanation}; {_AS_GOOD}")
        verb = "let it pass" if condition.met_by(estimate.value, limit) else "fail it"
        return _with_advice(judged, rule, subjects_to_decide(number, estimate), estimate, verb)
    return _within_minimum(judged, rule, estimate) if judged.status == "PASS" else judged


def _judge(condition: Condition, bounds: Bounds, limit: float, required: str) -> Judgement:
    ends = (bounds.low, bounds.high)
    unfavourable, favourable = ends if condition.comparison == ">=" else ends[::-1]
    if favourable is not None and not condition.met_by(favourable, limit):
        return Judgement("FAIL", f"{_end(bounds, favourable, favourable=True)}, {required}", favourable)
    if unfavourable is None:
        why = f"no interval was computed ({bounds.absent}); judge the number itself by adding 'on point'"
        return Judgement("INCONCLUSIVE", f"{why}, {required}")
    if not condition.met_by(unfavourable, limit):
        reach = f"{bounds.source} reaches from {_number(bounds.low)} to {_number(bounds.high)} and holds the limit"
        return Judgement("INCONCLUSIVE", f"{reach}, {required}", unfavourable)
    end = condition.band_end
    if end is not None and (favourable is None or not _within(condition, favourable, end)):
        why = f"{bounds.source} reaches to {_number(favourable)}, beyond {end:g}"
        return Judgement(
            "INCONCLUSIVE", f"{why}: the copies are out of distribution, which is no success", unfavourable
        )
    return Judgement("PASS", f"{_end(bounds, unfavourable, favourable=False)}, {required}", unfavourable)


def _within(condition: Condition, value: float, end: float) -> bool:
    return value <= end if condition.comparison == ">=" else value >= end


def _end(bounds: Bounds, value: float, *, favourable: bool) -> str:
    if bounds.low == bounds.high:
        return f"{bounds.source}: {value:.4g}"
    which = "even the favourable" if favourable else "the unfavourable"
    return f"{which} end of {bounds.source} is {value:.4g}"


def _required(condition: Condition, limit: float) -> str:
    of_chance = f" (chance {limit - condition.limit:.4g} {condition.beyond_chance})" if condition.from_chance else ""
    return f"required {condition.comparison} {limit:.4g}{of_chance}"


def _number(end: float | None) -> str:
    return "an unknown end" if end is None else f"{end:.4g}"


def _with_advice(judged: Judgement, rule: Rule, subjects: int | None, estimate: Estimate, verb: str) -> Judgement:
    if subjects is None:
        return judged
    subjects = max(subjects, rule.minimum.subjects)
    more = subjects - (estimate.subjects or 0)
    subjects_more = f"{more} more {'subjects' if more > 1 else 'subject'}"
    advice = f"at least {subjects_more}, about {subjects} in all, would {verb}, if they gave the same number"
    return Judgement(judged.status, f"{judged.explanation}; {advice}", judged.measured, subjects)


def _within_minimum(judged: Judgement, rule: Rule, estimate: Estimate) -> Judgement:
    """Prevent a PASS on too little evidence; counts about the audit's own pictures need no minimum."""
    requirements = (
        ("subjects", estimate.subjects, rule.minimum.subjects),
        ("comparisons", estimate.comparisons, rule.minimum.comparisons),
    )
    for what, found, least in requirements:
        if least and not estimate.exact and (found is None or found < least):
            few = f"it rests on {'an unknown number of' if found is None else found} {what}"
            why = f"{judged.explanation}, but {few}; nothing passes on fewer than {least}"
            return Judgement("INCONCLUSIVE", why, judged.measured, least if what == "subjects" else None)
    return judged
