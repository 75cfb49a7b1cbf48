"""Success of adversaries against an engine, in a sentence and by tier, including findings on copies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from deidkit.attacks import TIERS
from deidkit.findings import FINDING_TYPES
from deidkit.result import AttackResult, AuditResult, CoverageFinding, EngineAttacks, TierAttacks, Weight
from deidkit_reports import numbers

_BY_FINDINGS = ("T8", "T9")
"""Tiers of attacks on files and sets of copies; every audit looks for them, and reports them as findings."""

_SIGNIFICANCE = 0.001
"""Significance level below which an attack counts as finding people, as in verdicts."""

_MARKS = {
    "succeeded": "fail",
    "found": "fail",
    "resisted": "pass",
    "nothing found": "pass",
    "inconclusive": "inconclusive",
    "evidence incomplete": "inconclusive",
}


@dataclass(frozen=True)
class TierRow:
    """Results of one tier of attacks on one engine.

    Attributes:
        tier: ``T0`` to ``T9``.
        around: Whether it uses the surroundings of the palm, which the headline excludes.
        made: Number of attacks by outcome, e.g. ``2 resisted, 1 inconclusive``.
        result: Worst outcome, in one or two words.
        best: Strongest attack of the tier; None if none counts.
        findings: Findings on copies that belong to the tier.
    """

    tier: str
    name: str
    around: bool
    made: str
    result: str
    best: TierAttacks | None
    findings: list[CoverageFinding]

    @property
    def mark(self) -> str:
        """CSS class of the result."""
        return _MARKS.get(self.result, "no-requirement")


def tier_rows(result: AuditResult, attacked: EngineAttacks) -> list[TierRow]:
    """Return a row for each tier, T0 to T9, including those that were not run."""
    return list(_rows(result, attacked))


def conclusion(attacked: EngineAttacks) -> str:
    """Summarize all attacks on an engine: whether people are found, by which attack and how often."""
    best = attacked.strongest
    if best is None:
        return f"no attack counts, so nothing is known: {attacked.reason}"
    rank = best.metrics["strongest_rank_1_percent"]
    share = f"{numbers.text(rank)} of the copies"
    if ends := numbers.interval(rank):
        share += f" ({ends})"
    luckiest = rank.parameters.get("chance_of_the_strongest_percent")
    several = best.attacks > 1
    guess = f"the luckiest of {best.attacks} guesses" if several else "a lucky guess"
    guess += "" if luckiest is None else f" ({luckiest:.1f} %)"
    result = f"{best.attacker}{f', the strongest of {best.attacks} attacks,' if several else ''} identifies {share}"
    if best.p_value <= _SIGNIFICANCE:
        if luckiest is None or (rank.value or 0.0) > luckiest:
            return f"people are found: {result}; {guess} would not."
        return f"people are found, by comparisons at a small false match rate: {result}, as {guess} may."
    return f"nobody is found for certain: {result}; {guess} may do as well (p = {best.p_value:.3f})."


def tally(rows: Sequence[AttackResult]) -> str:
    """Count attacks by outcome, e.g. ``2 resisted, 1 inconclusive``."""
    return ", ".join(f"{count} {status}" for status, count in Counter(row.status for row in rows).items())


def _rows(result: AuditResult, attacked: EngineAttacks) -> Iterator[TierRow]:
    coverage = [f for engine in result.engines if engine.component.label == attacked.engine for f in engine.coverage]
    for tier, name in TIERS.items():
        found = [
            f for f in coverage if f.count and f.finding in FINDING_TYPES and FINDING_TYPES[f.finding].tier == tier
        ]
        rows = [row for row in attacked.attacks if row.tier == tier]
        best = next((of_tier for of_tier in attacked.tiers if of_tier.tier == tier), None)
        yield TierRow(
            tier=tier,
            name=name,
            around=any(row.scope == "context" for row in rows),
            made=tally(rows) or ("every copy looked at" if tier in _BY_FINDINGS else ""),
            result=_result(tier, {row.status for row in rows}, {finding.weight for finding in found}),
            best=best,
            findings=found,
        )


def _result(tier: str, statuses: set[str], weights: set[Weight]) -> str:
    """Overall outcome of a tier; a resisted attack takes precedence over an inconclusive one."""
    if "leak" in weights:
        return "found"
    if "hole" in weights:
        return "evidence incomplete"
    order = ("succeeded", "resisted", "inconclusive", "not applicable")
    nothing = "nothing found" if tier in _BY_FINDINGS else "not run"
    return next((status for status in order if status in statuses), nothing)
