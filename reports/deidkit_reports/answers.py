"""The main answer for each engine: the share of its copies that the best adversary of the audit identifies."""

from __future__ import annotations

from dataclasses import dataclass

from deidkit.result import AuditResult, Component, EngineVerdict, Estimate, StrongestAttack
from deidkit_reports import numbers
from deidkit_reports.headline import in_order

ORDER = {"PASS": 0, "NO REQUIREMENT": 1, "INCONCLUSIVE": 2, "FAIL": 3, "": 4}


@dataclass(frozen=True)
class EngineAnswer:
    """Summary of one engine for a reader with ten seconds.

    Attributes:
        verdict: Verdict on the engine; None for a control or baseline.
        identified: The largest share of its copies that any recognizer or attack identifies, by the upper end of its
            interval; None where none was computed.
        by: Which recognizer or attack.
        chance: What guessing would give that one, in percent; None where it is not known.
        leaks: Findings that are leaks, e.g. ``2 unchanged``.
        attack: The strongest attack on it; None where none counts.
    """

    component: Component
    verdict: EngineVerdict | None
    identified: Estimate | None
    by: str
    chance: float | None
    leaks: list[str]
    attack: StrongestAttack | None

    @property
    def status(self) -> str:
        """Status of the verdict; empty for a control or baseline."""
        return self.verdict.status if self.verdict else ""


def answers(result: AuditResult) -> list[EngineAnswer]:
    """Answers for all engines: judged ones first, by verdict and then by ascending share of identified copies."""
    found = [_answer(result, engine.component) for engine in in_order(result)]
    judged = [answer for answer in found if answer.component.judged]
    rest = [answer for answer in found if not answer.component.judged]
    return [*sorted(judged, key=lambda answer: (ORDER[answer.status], _upper(answer))), *rest]


def ranking(found: list[EngineAnswer]) -> str:
    """Say in one sentence which engine leaves the least identity, if that is certain; empty for a single engine."""
    judged = sorted((a for a in found if a.component.judged and a.identified is not None), key=_upper)
    if len(judged) < 2:
        return ""
    first, second = judged[0], judged[1]
    label = first.component.label
    if _upper(first) < _lower(second):
        return f"{label} leaves least identity: the intervals of the others lie above its own."
    alike = [label, *(other.component.label for other in judged[1:] if _lower(other) <= _upper(first))]
    names = f"{', '.join(alike[:-1])} and {alike[-1]}"
    return (
        f"By the share of copies identified, the intervals of {names} overlap; a comparison person by person may tell "
        "whether they differ (deidkit compare)."
    )


def _answer(result: AuditResult, component: Component) -> EngineAnswer:
    label = component.label
    candidates: list[tuple[Estimate, str, float | None]] = []
    attack = next((attacked.strongest for attacked in result.attacks if attacked.engine == label), None)
    for cell in result.cells:
        if cell.engine == label and (rank := cell.metrics.get("rank_1_percent")) is not None:
            chance = cell.metrics.get("chance_rank_1_percent")
            candidates.append((rank, f"the recognizer {cell.recognizer}", chance.value if chance else None))
    if attack is not None:
        rank = attack.metrics["strongest_rank_1_percent"]
        candidates.append((rank, f"the attack {attack.attacker}", rank.parameters.get("chance_percent")))
    known = [candidate for candidate in candidates if numbers.known(candidate[0].value)]
    worst = max(known, key=lambda candidate: (candidate[0].value or 0.0, _end(candidate[0])), default=None)
    engine = next(engine for engine in result.engines if engine.component.label == label)
    return EngineAnswer(
        component=component,
        verdict=next((verdict for verdict in result.verdict.engines if verdict.engine == label), None),
        identified=worst[0] if worst else None,
        by=worst[1] if worst else "",
        chance=worst[2] if worst else None,
        leaks=[f"{finding.count} {finding.name}" for finding in engine.coverage if finding.weight == "leak"],
        attack=attack,
    )


def _end(estimate: Estimate) -> float:
    value = estimate.high if numbers.known(estimate.high) else estimate.value
    return value if value is not None else 101.0


def _upper(answer: EngineAnswer) -> float:
    return _end(answer.identified) if answer.identified else 101.0


def _lower(answer: EngineAnswer) -> float:
    estimate = answer.identified
    if estimate is None:
        return 0.0
    value = estimate.low if numbers.known(estimate.low) else estimate.value
    return value if value is not None else 0.0
