"""A result with everything a report has to cope with: controls, numbers that are missing, hostile and long names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from deidkit.findings import METADATA, UNCHANGED
from deidkit.result import (
    AttackControl,
    AttackResult,
    AuditResult,
    Cell,
    Component,
    Curve,
    EngineAttacks,
    EngineResult,
    EngineVerdict,
    Estimate,
    Exclusion,
    FailureCount,
    GalleryItem,
    GroupFound,
    Histogram,
    PersonFound,
    PooledPoint,
    RecognizerResult,
    Requirement,
    Status,
    StrongestAttack,
    TierAttacks,
    Verdict,
)
from deidkit.testing.reports import example_result

PICTURE = "gallery/20261123-120000-abcd-a.webp"
HOSTILE = "<script>alert('x')</script> & \"quotes\" {{ 7 * 7 }}"


def component(kind: str, name: str, *, label: str = "", control: bool = False, baseline: bool = False) -> Component:
    return Component(
        kind=kind,
        name=name,
        label=label or name,
        version="1",
        distribution="deidkit 0",
        options={"block": 7, "path": HOSTILE},
        weights={"model.bin": "ab" * 32},
        control=control,
        baseline=baseline,
    )


def estimate(value: float | None, unit: str = "percent", **more: object) -> Estimate:
    if value is None:
        return Estimate(value=None, unit=unit, reason="There are too few.", remedy=f"Use more {HOSTILE}.")
    known = {
        "low": value - 3,
        "high": value + 4,
        "interval": "95 %, two-sided, 30 subjects: jackknife over subjects, Student's t",
        "subjects": 30,
    }
    return Estimate(value=value, unit=unit, comparisons=120, **{"parameters": {"threshold": 0.3}, **known, **more})


def histogram(centre: float) -> Histogram:
    bins = np.linspace(0, 0.6, 100)
    counts = np.rint(500 * np.exp(-(((bins - centre) / 0.05) ** 2))).astype(int)
    return Histogram(low=0.0, high=0.6, counts=counts.tolist(), count=int(counts.sum()))


def curve() -> Curve:
    return Curve(x=[0.0, 0.5, 3.0, 20.0, 100.0], y=[100.0, 20.0, 4.0, 0.5, 0.0])


def cell(engine: str, recognizer: str, ratio: float | None) -> Cell:
    return Cell(
        engine=engine,
        recognizer=recognizer,
        metrics={
            "deid_ratio_percent": estimate(ratio),
            "deid_ratio_mean_shift": estimate(0.5, "ratio"),
            "rejection_rate_percent": estimate(
                40.0, parameters={"percent_at_threshold_low": 98.4, "percent_at_threshold_high": 1.6}
            ),
            "rejection_rate_percent_at_fmr_1_percent": estimate(35.0),
            "rank_1_percent": estimate(70.0),
            "rank_1_without_source_percent": estimate(60.0),
            "linkage_eer_percent": estimate(12.0),
            "chance_rank_1_percent": estimate(100 / 30, low=None, high=None, interval=""),
            "linkage_d_sys": estimate(0.2, "ratio", parameters={"mean_without_linkage": 0.0612}),
            "copy_linkage_eer_percent": estimate(None),
            "diversity_mean": estimate(None, "distance"),
            "failure_to_acquire_percent": estimate(2.5),
            "a_metric_of_tomorrow": estimate(1.25, "bits"),
        },
        histograms={
            "genuine": histogram(0.15),
            "impostor": histogram(0.45),
            "deidentified": histogram(0.35),
            "deidentified_nonmated": histogram(0.44),
            "diversity": histogram(0.25),
        },
        det=curve(),
        cmc=Curve(x=[1.0, 2.0, 3.0], y=[70.0, 80.0, 95.0]),
        failures_to_acquire=3,
    )


def requirement(status: Status, engine: str, recognizer: str, explanation: str) -> Requirement:
    return Requirement(
        text="deid_ratio_percent >= 90",
        engine=engine,
        recognizer=recognizer,
        status=status,
        measured=47.0,
        explanation=explanation,
        metric="deid_ratio_percent",
        reason=f"It was published {HOSTILE}.",
    )


def attacked(engine: str, *, counts: bool) -> EngineAttacks:
    """Everything that the page on attacks has to show, or that no attack counts."""
    metrics = {
        "strongest_rank_1_percent": estimate(35.0, parameters={"chance_of_the_strongest_percent": 13.3}),
        "strongest_linkage_eer_percent": estimate(31.0),
        "strongest_reidentified_at_fmr_1_percent": estimate(22.0),
        "strongest_reidentified_at_fmr_0_1_percent": estimate(None) if engine == "pixelate" else estimate(4.0),
        "strongest_rank_disclosure_bits": estimate(2.4, "bits"),
        "strongest_rank_disclosure_worst_bits": estimate(4.9, "bits", low=None, high=None, interval=""),
        "strongest_anonymity_set": estimate(5.7, "people"),
    }
    rows = [
        AttackResult(
            component=component("attacker", name), tier=tier, tier_name="restoration", scope=scope, status=status,
            knowledge="The adversary knows common anonymizers and restores copies before matching (inversion).",
            sentence=f"Rank 1 is 35.0 %, chance 3.3 % ({HOSTILE}).", metrics={}, seconds=1.0,
            controls=[
                AttackControl(name="positive", passed=True, rank_1_percent=100.0, sentence="Rank 1 on originals is 100 %."),
                AttackControl(name="dealt", passed=False, rank_1_percent=None, sentence=f"Not run: {HOSTILE}"),
            ],
            curve=[
                PooledPoint(copies=1, rank_1_percent=12.5, equal_error_percent=40.0),
                PooledPoint(copies=8, rank_1_percent=61.0, equal_error_percent=None),
            ] if tier == "T5" else [],
        )
        for name, tier, scope, status in (
            ("restoration", "T3", "palm", "succeeded"),
            ("parrot:features=embeddings", "T4", "palm", "resisted"),
            ("pooling", "T5", "palm", "inconclusive"),
            ("context", "T6", "context", "not applicable"),
        )
    ]  # fmt: skip
    if not counts:
        return EngineAttacks(engine=engine, attacks=rows[2:], strongest=None, reason=f"No attack counts {HOSTILE}.")
    groups = [
        GroupFound(column="hand", value="left", subjects=14, rank_1_percent=estimate(40.0)),
        GroupFound(column="hand", value=HOSTILE, subjects=2, rank_1_percent=estimate(None)),
    ]
    best = StrongestAttack(
        attacker="restoration", attacks=4, p_value=0.0002, metrics=metrics, always=2, sometimes=9, never=19,
        worst=[PersonFound(number=3, share_percent=100.0)], groups=groups,
    )  # fmt: skip
    tiers = [
        TierAttacks(
            tier=tier, tier_name="restoration", scope="palm", attacker="restoration", attacks=2, p_value=0.01,
            metrics=metrics,
        )
        for tier in ("T3", "T4")
    ]  # fmt: skip
    return EngineAttacks(engine=engine, attacks=rows, strongest=best, calls=120, tiers=tiers)


@pytest.fixture
def result(tmp_path: Path) -> AuditResult:
    (tmp_path / "gallery").mkdir()
    picture = np.random.default_rng(0).integers(0, 255, (64, 48, 3), dtype=np.uint8)
    (tmp_path / PICTURE).write_bytes(cv2.imencode(".webp", picture)[1].tobytes())
    engines = [component("engine", "identity", control=True), component("engine", "pixelate")]
    engines.append(component("engine", "folder", label=f"folder ({HOSTILE})"))
    engines.append(component("engine", "blur", baseline=True))
    recognizers = [component("recognizer", "mtcc", label="mtcc (preset=B)"), component("recognizer", "x" * 60)]
    example = example_result()
    return replace(
        example,
        audit_id="20261123-120000-abcd",
        provenance=replace(
            example.provenance,
            command=f"deidkit audit --dataset '{HOSTILE}'",
            options={"dataset": HOSTILE},
            started="2026-11-23T12:00:00+00:00",
            finished="2026-11-23T12:01:00+00:00",
        ),
        dataset=replace(
            example.dataset,
            fingerprint="cd" * 32,
            hands={2: 7, 1: 113},
            exclusions=[Exclusion(reason=HOSTILE, count=2)],
            notes=[HOSTILE],
        ),
        recognizers=[
            RecognizerResult(
                component=c,
                metrics={
                    "eer_percent": estimate(1.2),
                    "rank_1_percent": estimate(99.0),
                    "genuine_mean": estimate(None),
                },
                histograms={"genuine": histogram(0.15), "impostor": histogram(0.45)},
                det=curve(),
                cmc=Curve(x=[1.0, 2.0], y=[99.0, 100.0]),
                failures_to_acquire=0,
            )
            for c in recognizers
        ],
        engines=[
            EngineResult(
                component=c,
                produced=118,
                expected=120,
                seeds=[0, 1],
                coverage=[UNCHANGED.found(2), METADATA.found(1, HOSTILE)],
                quality={"ssim": estimate(0.95, "ratio"), "psnr_inside": estimate(None, "dB"), "lpips": estimate(None)},
                usability={
                    "roi_error_percent": estimate(0.3),
                    "roi_success_change": estimate(-1.0, "percentage points"),
                },
                gallery=[GalleryItem(file=PICTURE, caption="sample 3, seed 0")],
                seconds_per_image=0.01 if c.name == "pixelate" else None,
            )
            for c in engines
        ],
        cells=[cell(e.label, r.label, None if e.name == "folder" else 50.0) for e in engines for r in recognizers],
        attackers=[component("attacker", "restoration"), component("attacker", "context")],
        attacks=[attacked(e.label, counts=e.name != "folder") for e in engines],
        failures=[FailureCount(stage="hand", subject="original", reason=HOSTILE, count=1)],
        verdict=Verdict(
            status="FAIL",
            sentence="1 of 2 engines fail: pixelate.",
            policy="ours",
            policy_digest="ef" * 32,
            engines=[
                EngineVerdict(engine="pixelate", status="FAIL", sentence="A leak was found: 2 of 120 unchanged."),
                EngineVerdict(engine=engines[2].label, status="INCONCLUSIVE", sentence=f"Nobody knows {HOSTILE}."),
            ],
            requirements=[
                requirement("FAIL", "pixelate", recognizers[0].label, "even the favourable end is 51, required >= 90"),
                requirement("INCONCLUSIVE", engines[2].label, recognizers[0].label, "not computed: too few"),
                requirement("PASS", "pixelate", recognizers[1].label, "the unfavourable end is 93, required >= 90"),
                requirement("PASS", "pixelate", recognizers[0].label, "the unfavourable end is 94, required >= 90"),
            ],
        ),
        notes=[HOSTILE],
    )
