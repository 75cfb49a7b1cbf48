"""Combines checks, findings and gaps in the evidence into a verdict on each engine and on the audit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from deidkit.findings import FINDING_COUNTS, MISSING, count_of, weight_of
from deidkit.result import (
    AuditResult,
    Cell,
    EngineAttacks,
    EngineResult,
    EngineVerdict,
    Estimate,
    RecognizerResult,
    Requirement,
    Status,
    Verdict,
)
from deidkit.verdict.attacks import attack_holes, strongest_metrics
from deidkit.verdict.judging import Judgement, judge_metric
from deidkit.verdict.policy import OF_STRONGEST, Policy
from deidkit.verdict.recognizer_strength import control_failures, is_control, weakness
from deidkit.verdict.rules import Rule, chance_level, has_chance_level
from deidkit.verdict.sentences import ORDER, engine_sentence, finding_sentence, overall_sentence


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The parts of an audit's result that a verdict depends on.

    Attributes:
        recognizers: Results of each recognizer on originals.
        engines: Results of each engine.
        cells: Results of each recognizer on each engine's copies.
        warnings: Sentences about plugins that raised or violated their contract, including `EngineResult.warnings`.
        attacks: Results of the attackers on each engine; empty if no attack was requested.
    """

    recognizers: Sequence[RecognizerResult]
    engines: Sequence[EngineResult]
    cells: Sequence[Cell]
    warnings: Sequence[str] = field(default=())
    attacks: Sequence[EngineAttacks] = field(default=())


def judge(policy: Policy, evidence: Evidence) -> Verdict:
    """Judge every engine that is neither a control nor a baseline.

    An engine fails if a leak was found, whatever is required, or if even the favourable end of an interval misses a
    requirement. It passes if every check passes and the evidence has no gap. Otherwise the result is inconclusive.

    Multiple checks: to pass, all of them must pass, each at 2.5 %, and an engine that misses any limit passes with a
    probability of at most 2.5 %. This is an intersection-union test (Berger 1982) and needs no correction, however many
    recognizers there are. One failed check is enough to fail, and this is not corrected either: of k checks, an engine
    exactly on all of its limits fails one by chance in up to 2.5 k % of audits. The doubt goes against the engine; one
    that is better than its limits by the width of the intervals practically never fails by chance.
    """
    judging = _EngineJudge(policy, evidence)
    judged = [(engine, judging.checks(engine)) for engine in evidence.engines if engine.component.judged]
    engines = [judging.verdict(engine, checks) for engine, checks in judged]
    status = min((engine.status for engine in engines), key=ORDER.__getitem__, default=None)
    if status is None:
        status = "INCONCLUSIVE" if policy.rules else "NO REQUIREMENT"
    return Verdict(
        status=status,
        sentence=overall_sentence(engines, status, required=bool(policy.rules)),
        requirements=sorted((check for _, checks in judged for check in checks), key=lambda c: ORDER[c.status]),
        engines=sorted(engines, key=lambda engine: ORDER[engine.status]),
        policy=policy.name,
        policy_digest=policy.digest,
    )


def exit_code(result: AuditResult) -> int:
    """Exit code of ``deidkit audit``: 0 done, 1 an engine fails, 2 something could not be evaluated."""
    if result.verdict.status == "FAIL":  # incomplete evidence is enough for that
        return 1
    return 2 if result.verdict.status == "INCONCLUSIVE" or result.raised or not evaluated(result) else 0


def evaluated(result: AuditResult) -> bool:
    """Whether the comparison of copies gave a number for every judged engine, or for any engine if none is judged.

    The rejection rate that counts failures as rejections does not count: without copies it is 100 %.
    """
    kinds = ("deid_ratio", "rejection_rate", "rank_1")
    numbers = {
        cell.engine
        for cell in result.cells
        for name, estimate in cell.metrics.items()
        if name.startswith(kinds) and "including_failures" not in name and estimate.value is not None
    }
    judged = {engine.component.label for engine in result.engines if engine.component.judged}
    return judged <= numbers if judged else bool(numbers)


def evidence_notes(evidence: Evidence) -> list[str]:
    """Caveats that apply to all numbers, one sentence each."""
    found = [*(weakness(recognizer) for recognizer in evidence.recognizers)]
    found += control_failures(evidence.engines, evidence.cells).values()
    if not any(is_control(engine) for engine in evidence.engines):
        found.append("no control engine was audited; add --engine identity to see what the measurement itself costs")
    return [f"{sentence[0].upper()}{sentence[1:]}." for sentence in found if sentence]


class _EngineJudge:
    """Judges all engines of an audit."""

    def __init__(self, policy: Policy, evidence: Evidence) -> None:
        self._policy, self._evidence = policy, evidence
        self._weak = {r.component.label: weakness(r) for r in evidence.recognizers}
        self._weak_on_point = {r.component.label: weakness(r, on_point=True) for r in evidence.recognizers}
        self._control = control_failures(evidence.engines, evidence.cells)
        self._attacks = {attacked.engine: attacked for attacked in evidence.attacks}
        of_engines = {sentence for engine in evidence.engines for sentence in engine.warnings}
        self._shared_warnings = [sentence for sentence in evidence.warnings if sentence not in of_engines]

    def checks(self, engine: EngineResult) -> list[Requirement]:
        """The check of every requirement on one engine."""
        return [check for rule in self._policy.rules for check in self._checks(rule, engine)]

    def verdict(self, engine: EngineResult, checks: Sequence[Requirement]) -> EngineVerdict:
        """The verdict on one engine."""
        leaks = [
            finding_sentence(engine, name, count, why) for name, count, why in _findings_with_weight(engine, "leak")
        ]
        holes = list(self._gaps(engine))
        statuses = {check.status for check in checks}
        status: Status
        if leaks or "FAIL" in statuses:
            status = "FAIL"
        elif not self._policy.rules:
            status = "NO REQUIREMENT"
        else:
            status = "PASS" if statuses == {"PASS"} and not holes else "INCONCLUSIVE"
        sentence = engine_sentence(status, checks, leaks, holes)
        return EngineVerdict(engine=engine.component.label, status=status, sentence=sentence, leaks=leaks, holes=holes)

    def _checks(self, rule: Rule, engine: EngineResult) -> list[Requirement]:
        label, metric = engine.component.label, rule.condition.metric
        of_pictures = {**engine.quality, **engine.usability}
        if metric in FINDING_COUNTS:
            count = Estimate.of_count(count_of(FINDING_COUNTS[metric], engine))
            return [_check(rule, label, "", judge_metric(rule, {metric: count}))]
        if metric in OF_STRONGEST:
            judged = _judged_by_attacks(rule, self._attacks.get(label))
            return [_check(rule, label, "", judgement) for judgement in judged]
        if metric in of_pictures:
            return [_check(rule, label, "", judge_metric(rule, of_pictures))]
        cells = [c for c in self._evidence.cells if c.engine == label and rule.concerns(c.recognizer)]
        found = [_check(rule, label, cell.recognizer, self._judged(rule, cell)) for cell in cells]
        if not found:
            return [_check(rule, label, "", judge_metric(rule, {}))]
        return [max(found, key=lambda check: ORDER[check.status])] if rule.recognizers == "any" else found

    def _judged(self, rule: Rule, cell: Cell) -> Judgement:
        """Judgement by one recognizer: a weak one counts if it finds identity, and does not count if it finds none."""
        judged = judge_metric(rule, cell.metrics)
        estimate = cell.metrics.get(rule.condition.metric)
        if judged.status == "INCONCLUSIVE" or estimate is None or estimate.exact:
            return judged
        failed = judged.status == "FAIL"
        if failed and _shows_identity(rule, judged, cell):
            return judged
        # A recognizer that lets an engine pass needs more subjects to be trusted than one that fails it.
        weak = self._weak_on_point if failed or rule.condition.on_point else self._weak
        doubt = weak.get(cell.recognizer, f"nothing is known of {cell.recognizer} on originals")
        return Judgement("INCONCLUSIVE", f"{judged.explanation}, but {doubt}", judged.measured) if doubt else judged

    def _gaps(self, engine: EngineResult) -> Iterator[str]:
        if engine.produced == 0:
            yield "no copy was made"
        missing = count_of(MISSING, engine)
        if missing:
            yield finding_sentence(engine, MISSING.name, missing, MISSING.explanation)
        for name, count, why in _findings_with_weight(engine, "hole"):
            if name != MISSING.name:
                yield finding_sentence(engine, name, count, why)
        yield from attack_holes(self._attacks.get(engine.component.label), self._policy)
        yield from engine.warnings
        yield from self._shared_warnings
        if self._weak_on_point and all(self._weak_on_point.values()):
            yield from self._weak_on_point.values()
        yield from self._control.values()
        if self._policy.identity_control and not any(is_control(engine) for engine in self._evidence.engines):
            yield "the policy requires the identity control, which was not run; add --engine identity"


def _judged_by_attacks(rule: Rule, attacked: EngineAttacks | None) -> list[Judgement]:
    if attacked is None:
        return [Judgement("INCONCLUSIVE", "no attack was run; audit with --attack standard")]
    found = strongest_metrics(attacked, rule.tier) or {f"{rule.tier} attacks" if rule.tier else "": {}}
    judged = {whose: judge_metric(rule, metrics) for whose, metrics in found.items()}
    return [replace(j, explanation=f"{whose}: {j.explanation}") if whose else j for whose, j in judged.items()]


def _shows_identity(rule: Rule, judged: Judgement, cell: Cell) -> bool:
    """Whether a metric is beyond chance, on the side of recognition."""
    condition = rule.condition
    if judged.measured is None or not has_chance_level(condition.metric):
        return False
    chance = chance_level(condition.metric, cell.metrics)
    if chance is None:
        return False
    return judged.measured < chance if condition.comparison == ">=" else judged.measured > chance


def _findings_with_weight(engine: EngineResult, weight: str) -> Iterator[tuple[str, int, str]]:
    for finding in engine.coverage:
        if finding.count and weight_of(finding) == weight:
            yield finding.name, finding.count, finding.explanation


def _check(rule: Rule, engine: str, recognizer: str, judged: Judgement) -> Requirement:
    return Requirement(
        text=rule.text,
        engine=engine,
        recognizer=recognizer,
        status=judged.status,
        measured=judged.measured,
        explanation=judged.explanation,
        metric=rule.condition.metric,
        reason=rule.reason,
        subjects_needed=judged.subjects_needed,
    )
