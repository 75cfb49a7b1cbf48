"""Changes between audits as text, shared by tables, Markdown and JUnit reports."""

from __future__ import annotations

from collections.abc import Iterator

from deidkit.audit_changes import AuditChange, Change, Comparison, EngineChange
from deidkit.result import Estimate
from deidkit_reports.numbers import NOT_COMPUTED, known, number, unit_sign, whole

CAUTION = "Each number has its own 95 % interval: about one in twenty would be called better or worse by chance alone."


def value(estimate: Estimate | None) -> str:
    """Format a number with its unit, or say that it is missing."""
    if estimate is None:
        return "not measured"
    if not known(estimate.value):
        return NOT_COMPUTED
    if estimate.exact:
        return whole(round(estimate.value))
    return f"{number(estimate.value, estimate.unit)}\u00a0{unit_sign(estimate.unit)}".strip()


def difference(estimate: Estimate) -> str:
    """Format a difference with its sign and interval, or say that it is missing."""
    if not known(estimate.value):
        return NOT_COMPUTED
    if estimate.exact:
        return _signed(whole(round(estimate.value)).replace("-", "\u2212"))
    text = _signed(number(estimate.value, estimate.unit))
    if not (known(estimate.low) and known(estimate.high)):
        return text
    return f"{text} ({number(estimate.low, estimate.unit)} to {number(estimate.high, estimate.unit)})"


def headline(engine: EngineChange) -> list[Change]:
    """Changes to show first: the headline numbers, and all others that are better or worse."""
    return [c for c in engine.changes if c.headline or c.direction in ("better", "worse")]


def pairs(comparison: Comparison) -> Iterator[tuple[AuditChange, EngineChange]]:
    """Iterate over the engines of all further audits."""
    for other in comparison.others:
        for engine in other.engines:
            yield other, engine


def verdicts(engine: EngineChange) -> str:
    """Describe the change of the verdict; empty if neither engine is judged."""
    before, after = engine.verdict_before or "not judged", engine.verdict_after or "not judged"
    return f"Verdict: {before} before, {after} after." if engine.verdict_before or engine.verdict_after else ""


def _signed(text: str) -> str:
    return text if text.startswith(("\u2212", "-")) or not text.strip("0.") else f"+{text}"
