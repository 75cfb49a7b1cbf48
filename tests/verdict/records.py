"""Hand-made records of an audit that passes; tests spoil one thing at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from deidkit.result import (
    AttackResult,
    Cell,
    Component,
    CoverageFinding,
    Curve,
    EngineAttacks,
    EngineResult,
    Estimate,
    RecognizerResult,
    StrongestAttack,
    TierAttacks,
)
from deidkit.verdict import Evidence

EMPTY = Curve(x=[], y=[])


def component(kind: str, name: str, *, control: bool = False, baseline: bool = False) -> Component:
    return Component(
        kind=kind, name=name, label=name, version="1", distribution="x", control=control, baseline=baseline
    )


def percent(value: float | None, low: float | None = None, high: float | None = None, **more: object) -> Estimate:
    return Estimate(value=value, unit="percent", low=low, high=high, **{"subjects": 100, "comparisons": 400, **more})


def engine(
    name: str = "good", findings: Sequence[CoverageFinding] = (), *, control: bool = False, baseline: bool = False
) -> EngineResult:
    return EngineResult(
        component=component("engine", name, control=control, baseline=baseline),
        produced=100,
        expected=100,
        seeds=[0],
        coverage=list(findings),
        quality={"ssim": percent(0.95, 0.93, 0.97)},
        usability={},
        gallery=[],
        seconds_per_image=None,
    )


def recognizer(name: str = "strong", eer: Estimate | None = None) -> RecognizerResult:
    metrics = {"eer_percent": eer or percent(1.0, 0.2, 3.0), "rank_1_percent": percent(99.0, 97.0, 100.0)}
    return RecognizerResult(
        component=component("recognizer", name),
        metrics=metrics,
        histograms={},
        det=EMPTY,
        cmc=EMPTY,
        failures_to_acquire=0,
    )


def cell(of: str = "good", by: str = "strong", **metrics: Estimate) -> Cell:
    good = {
        "rejection_rate_percent": percent(100.0, 96.4, 100.0),
        "rejection_rate_percent_at_fmr_1_percent": percent(100.0, 96.4, 100.0),
        "rank_1_percent": percent(1.0, 0.0, 3.0),
        "rank_1_without_source_percent": percent(1.0, 0.0, 3.0),
        "chance_rank_1_percent": percent(1.0),
        "linkage_eer_percent": percent(49.0, 46.0, 52.0),
        "copy_linkage_eer_percent": percent(49.0, 45.0, 53.0),
        "deid_ratio_percent": percent(98.0, 95.0, 101.0),
        "failure_to_acquire_percent": percent(0.0, exact=True),
    }
    identity = {
        "rejection_rate_percent": percent(0.0, 0.0, 3.6),
        "rejection_rate_percent_at_fmr_1_percent": percent(0.0, 0.0, 3.6),
        "rank_1_percent": percent(100.0, 96.4, 100.0),
    }
    found = {**good, **(identity if of == "identity" else {}), **metrics}
    return Cell(engine=of, recognizer=by, metrics=found, histograms={}, det=EMPTY, cmc=EMPTY, failures_to_acquire=0)


def attacked(
    rank: Estimate | None = None, *, of: str = "good", p_value: float = 0.6, status: str = "resisted"
) -> EngineAttacks:
    """What the attackers found on an engine: by default what guesses find."""
    rank = rank or percent(3.0, 1.0, 5.0, subjects=220)
    rank = replace(rank, parameters={"chance_of_the_strongest_percent": 4.0})
    row = AttackResult(
        component=component("attacker", "geometry"), tier="T2", tier_name="geometric", knowledge="", scope="palm",
        status=status, sentence="", metrics={}, controls=[], seconds=1.0,
    )  # fmt: skip
    metrics = {
        "strongest_rank_1_percent": rank,
        "strongest_linkage_eer_percent": percent(48.0, 46.0, 50.0, subjects=rank.subjects),
    }
    best = StrongestAttack(
        attacker="geometry", attacks=1, p_value=p_value, metrics=metrics, always=0, sometimes=0, never=100
    )
    tier = TierAttacks(
        tier="T2", tier_name="geometric", scope="palm", attacker="geometry", attacks=1, p_value=p_value, metrics=metrics
    )
    return EngineAttacks(engine=of, attacks=[row], strongest=best, tiers=[tier])


def evidence(judged: EngineResult | None = None, **metrics: Estimate) -> Evidence:
    """One engine that nothing speaks against, the control beside it, and a recognizer that knows people."""
    judged = judged or engine()
    return Evidence(
        recognizers=[recognizer()],
        engines=[engine("identity", control=True), judged],
        cells=[cell("identity"), cell(judged.component.label, **metrics)],
        attacks=[attacked(of=judged.component.label)],
    )


def with_engine(given: Evidence, **changed: object) -> Evidence:
    """The same evidence with something else about its last engine."""
    return replace(given, engines=[*given.engines[:-1], replace(given.engines[-1], **changed)])
