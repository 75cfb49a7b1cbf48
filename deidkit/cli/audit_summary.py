"""The summary that ``deidkit audit`` prints: recognizers, engines, findings, and the verdict last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from deidkit.cli import output

if TYPE_CHECKING:
    from deidkit.result import (
        AuditResult,
        Component,
        EngineAttacks,
        Estimate,
        Requirement,
        StrongestAttack,
        Verdict,
    )

ORIGINALS = {"EER %": "eer_percent", "FNMR % at FMR 1 %": "fnmr_percent_at_fmr_1_percent", "rank-1 %": "rank_1_percent"}
"""Table of recognizers: heading -> metric on originals."""

COPIES = {
    "rank-1": "rank_1_percent",
    "linkage EER": "linkage_eer_percent",
    "EER among copies": "copy_linkage_eer_percent",
    "RR at FMR 1 %": "rejection_rate_percent_at_fmr_1_percent",
    "RR at FMR 0.1 %": "rejection_rate_percent_at_fmr_0_1_percent",
    "DIR": "deid_ratio_percent",
}
"""Table of engines: heading -> metric of a cell; includes linkage among copies, which exposes most cheating engines."""

COPIES_TITLE = (
    "Copies, in percent. Linkage EER: 50 is a guess, 0 links all; RR: copies rejected; DIR: De-identification Ratio, "
    "100 is as far as another person"
)


SMOOTH = 50
"""Palm texture, in percent of the originals', below which a note says that palms look painted."""

ATTACKS = {
    "rank-1": "strongest_rank_1_percent",
    "linkage EER": "strongest_linkage_eer_percent",
    "re-identified at FMR 1 %": "strongest_reidentified_at_fmr_1_percent",
}
"""Table of attacks: heading -> metric of the strongest attack."""


def show_result(result: AuditResult) -> None:
    """Print a short account of an audit."""
    output.echo_table(
        ["recognizer", *ORIGINALS],
        [[r.component.label, *(_text(r.metrics.get(name)) for name in ORIGINALS.values())] for r in result.recognizers],
        title=f"Originals: {result.dataset.samples} samples of {result.dataset.subjects} subjects{_hands(result)}",
    )
    roles = {engine.component.label: _role(engine.component) for engine in result.engines}
    output.echo_table(
        ["engine", "recognizer", *COPIES],
        [
            [
                f"{cell.engine}{roles[cell.engine]}",
                cell.recognizer,
                *(_text(cell.metrics.get(m)) for m in COPIES.values()),
            ]
            for cell in result.cells
        ],
        title=COPIES_TITLE,
    )
    if result.attacks:
        output.echo_table(
            ["engine", "strongest attack", *ATTACKS, "rank-1 of the luckiest guess", "inconclusive attacks"],
            [_attack_row(of_engine, roles[of_engine.engine]) for of_engine in result.attacks],
            title="Attacks, in percent: what a determined adversary finds",
        )
    for sentence in _sentences(result):
        output.echo(sentence)
    _show_verdict(result.verdict)


def _attack_row(attacked: EngineAttacks, role: str) -> list[str]:
    inconclusive = [row.component.label for row in attacked.attacks if row.status == "inconclusive"]
    if attacked.strongest is None:
        return [
            f"{attacked.engine}{role}",
            f"none counts: {attacked.reason}",
            *[""] * (len(ATTACKS) + 1),
            ", ".join(inconclusive),
        ]
    metrics = attacked.strongest.metrics
    chance = metrics[ATTACKS["rank-1"]].parameters.get("chance_of_the_strongest_percent")
    return [
        f"{attacked.engine}{role}",
        attacked.strongest.attacker,
        *(_text(metrics.get(name)) for name in ATTACKS.values()),
        "not computed" if chance is None else f"{chance:.1f}",
        ", ".join(inconclusive),
    ]


def _sentences(result: AuditResult) -> Iterator[str]:
    """Remarks that qualify the numbers, one sentence each."""
    from deidkit.verdict.attacks import BY_CHANCE

    for component in [*(e.component for e in result.engines), *(r.component for r in result.recognizers)]:
        if component.remark:
            yield f"{component.label}: {component.remark}."
    for engine in result.engines:
        label = engine.component.label
        texture = engine.quality.get("palm_texture_percent")
        if engine.component.judged and texture and texture.value is not None and texture.value < SMOOTH:
            yield f"{label}: its palms have {texture.value:.0f} % of the originals' fine texture."
        if engine.produced < engine.expected:
            yield f"{label}: made {engine.produced} of {engine.expected} copies; {_most_often(result, label)}."
        for found in engine.coverage:
            if found.weight != "note" and engine.component.judged:
                yield f"{label}: {found.count} {found.name}: {found.explanation}."
    judged = {engine.component.label for engine in result.engines if engine.component.judged}
    for attacked in result.attacks:
        if attacked.engine in judged and attacked.strongest and attacked.strongest.p_value <= BY_CHANCE:
            yield f"{attacked.engine}: {_found_people(attacked.strongest)}"
        if attacked.calls:
            yield f"{attacked.engine}: attackers asked it for {attacked.calls} more pictures."
    yield from (f"note: {note}" for note in [*result.dataset.notes, *result.notes])
    shown = [cell.metrics.get(name) for cell in result.cells for name in COPIES.values()]
    reasons = {f"{e.reason} {e.remedy}".strip() for e in shown if e is not None and e.reason}
    yield from (f"not computed: {reason}" for reason in sorted(reasons))


def _most_often(result: AuditResult, label: str) -> str:
    """Most frequent reason why an engine made no copy."""
    failures = [
        failure for failure in result.failures if failure.subject == label and failure.stage in ("engine", "read")
    ]  # without failures of recognizers
    if not failures:
        return "the report says why"
    first = max(failures, key=lambda failure: failure.count)
    return f"{'most often: ' if len(failures) > 1 else ''}{first.reason.rstrip('.')} ({first.count})"


def _found_people(strongest: StrongestAttack) -> str:
    """Sentence that the strongest attack is better than chance, independent of requirements."""
    rank_1 = strongest.metrics[ATTACKS["rank-1"]]
    luckiest = rank_1.parameters.get("chance_of_the_strongest_percent")
    guess = "" if luckiest is None else f", the luckiest guess {luckiest:.1f} %"
    share = "finds people" if rank_1.value is None else f"finds {rank_1.value:.1f} % of the copies at rank 1{guess}"
    return f"the attack '{strongest.attacker}' {share}: more than chance explains."


def _show_verdict(verdict: Verdict) -> None:
    for engine, checks in groupby(verdict.requirements, lambda check: (check.engine, check.text, check.status)):
        if engine[2] != "PASS":
            output.echo(f"  {_check(list(checks))}")
    if len(verdict.engines) > 1:
        for judged in verdict.engines:
            output.echo(f"{judged.engine}: {judged.status}. {judged.sentence}")
    policy = f" against the policy {verdict.policy}@{verdict.policy_digest[:12]}" if verdict.policy else ""
    output.echo(f"verdict: {verdict.status}{policy}. {verdict.sentence}")


def _check(checks: list[Requirement]) -> str:
    """One line for checks of one requirement with equal outcomes; the explanation is that of the first recognizer."""
    first = checks[0]
    names = ", ".join(check.recognizer for check in checks if check.recognizer)
    against = f" against {names}" if names else ""
    more = f" ({first.recognizer})" if len(checks) > 1 else ""
    return f"{first.status}: '{first.text}', {first.engine}{against}: {first.explanation}{more}"


def _role(component: Component) -> str:
    return " [control]" if component.control else " [baseline]" if component.baseline else ""


def _hands(result: AuditResult) -> str:
    counts: Iterable[tuple[int, int]] = sorted(result.dataset.hands.items())
    parts = [f"{pictures} with {number or 'no'} hand{'s' if number > 1 else ''}" for number, pictures in counts]
    return f" ({', '.join(parts)})" if parts else ""


def _text(estimate: Estimate | None) -> str:
    if estimate is None:
        return "not measured"
    if estimate.value is None:
        return "not computed"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.1f}"
    return f"{estimate.value:.1f} [{estimate.low:.1f}, {estimate.high:.1f}]"
