"""Top of the page: the least favourable numbers of each engine, and a one-sentence summary."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from deidkit.result import AuditResult, Cell, Component, EngineResult, Estimate
from deidkit_reports import numbers


@dataclass(frozen=True)
class Question:
    """A main question, and the metric that answers it.

    Attributes:
        words: Heading of its column.
        hint: Hint on what to compare the number with.
        safer: Direction in which the metric is better for privacy.
        ends: Ends of the scale on which it is drawn.
        reference: Value expected by chance, or for another person.
    """

    metric: str
    words: str
    hint: str
    safer: str
    ends: tuple[float, float]
    reference: float | None


_PLAIN = re.compile(r"[\w.-]+ \([\w.-]+\)")
"""Matches an engine's label with the name of its model only, without paths and options."""

GUESS = "50 % is chance, 0 % links all"

QUESTIONS = (
    Question("rank_1_percent", "Identified at rank\u00a01", "share of copies; lower is safer", "lower", (0, 100), None),
    Question("linkage_eer_percent", "Linkage to the own original, EER", GUESS, "higher", (0, 100), 50),
    Question("copy_linkage_eer_percent", "Linkage among copies, EER", GUESS, "higher", (0, 100), 50),
    Question(
        "rejection_rate_percent_at_fmr_1_percent",
        "Rejected (RR) at FMR 1 %",
        "of copies, where 1 % of strangers are accepted; higher is safer",
        "higher",
        (0, 100),
        None,
    ),
    Question("rejection_rate_percent_at_fmr_0_1_percent", "RR at FMR 0.1 %", "", "higher", (0, 100), None),
    Question(
        "deid_ratio_percent",
        "De-identification Ratio (DIR)",
        "0 % as near as the same hand, 100 % as far as another's",
        "higher",
        (-50, 150),
        100,
    ),
)
"""Questions at the top of the page, in order."""


@dataclass(frozen=True)
class Answer:
    """Estimate with the least favourable bound over all recognizers; `recognizer` is empty if there is none."""

    question: Question
    estimate: Estimate | None
    recognizer: str


@dataclass(frozen=True)
class Headline:
    """Headline numbers of one engine.

    Attributes:
        failed: Highest failure-to-acquire rate on copies over recognizers, in percent; None if unknown.
    """

    engine: EngineResult
    answers: list[Answer]
    failed: float | None


def title(result: AuditResult) -> str:
    """Title from the names of engines and data set, without their options.

    An engine is called with its model where that has a plain name: one model must not be taken for another.
    """
    judged = [_with_model(engine.component) for engine in result.engines if engine.component.judged]
    named = [f"{name} ({judged.count(name)} settings)" if judged.count(name) > 1 else name for name in judged]
    labels = list(dict.fromkeys(named))
    engines = f"{len(judged)} engines" if len(labels) > 4 else _joined(labels) if labels else "Controls only"
    return f"{engines} on {result.dataset.component.label}"


def _with_model(engine: Component) -> str:
    return engine.label if engine.weights and _PLAIN.fullmatch(engine.label) else engine.name


def in_order(result: AuditResult) -> list[EngineResult]:
    """Engines in display order: judged ones, then baselines, then controls."""
    return sorted(result.engines, key=lambda engine: (engine.component.control, engine.component.baseline))


def headlines(result: AuditResult) -> list[Headline]:
    """Return the headline of each engine."""
    found = []
    for engine in in_order(result):
        cells = [cell for cell in result.cells if cell.engine == engine.component.label]
        failed = [e.value for cell in cells if (e := cell.metrics.get("failure_to_acquire_percent")) is not None]
        answers = [_answer(question, cells) for question in QUESTIONS]
        found.append(Headline(engine, answers, max((value for value in failed if numbers.known(value)), default=None)))
    return found


def _answer(question: Question, cells: Sequence[Cell]) -> Answer:
    measured = [(cell.metrics[question.metric], cell.recognizer) for cell in cells if question.metric in cell.metrics]
    sign = 1 if question.safer == "higher" else -1
    known = [(e, name) for e, name in measured if numbers.known(e.value)]
    if known:
        estimate, name = min(
            known, key=lambda pair: (sign * _bound(pair[0], question.safer), sign * (pair[0].value or 0.0))
        )
        return Answer(question, estimate, name)
    return Answer(question, measured[0][0] if measured else None, "")


def _bound(estimate: Estimate, safer: str) -> float:
    """Unfavourable end of the interval, or the value itself if it has none."""
    end = estimate.low if safer == "higher" else estimate.high
    value = end if numbers.known(end) else estimate.value
    assert value is not None, "asked only where there is a number"
    return value


def claim(result: AuditResult) -> str:
    """Summarize the audit in one sentence, by the upper ends of the identification rates' intervals."""
    allowed, unknown, bounded = [], [], True
    for engine in result.engines:
        label = engine.component.label
        if not engine.component.judged:
            continue
        found = [cell.metrics.get("rank_1_percent") for cell in result.cells if cell.engine == label]
        measured = [e for e in found if e is not None and numbers.known(e.value)]
        bounded = bounded and all(numbers.known(e.high) for e in measured)
        bounds = [_bound(e, "lower") for e in measured]
        if bounds:
            allowed.append(f"up to {numbers.number(max(bounds), 'percent')}\u00a0% of the copies by {label}")
        else:
            unknown.append(label)
    sentences = []
    evidence = "the upper ends of the 95 % intervals allow" if bounded else "the numbers say, without intervals,"
    if allowed:
        sentences.append(
            f"With the recognizers listed, used as they are, and on these data, {evidence} that {_joined(allowed)} are "
            f"assigned to their own hand at rank 1{_chance(result)}."
        )
    if unknown:
        sentences.append(f"For {_joined(unknown)} rank-1 identification was not computed.")
    return " ".join(sentences)


def _joined(parts: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(parts[:-1]), parts[-1]) if part)


def _chance(result: AuditResult) -> str:
    values = [e.value for cell in result.cells if (e := cell.metrics.get("chance_rank_1_percent")) is not None]
    known = [value for value in values if numbers.known(value)]
    if not known:
        return ""
    ends = dict.fromkeys(numbers.number(value, "percent") for value in (min(known), max(known)))
    return f"; chance gives {' to '.join(ends)}\u00a0%"
