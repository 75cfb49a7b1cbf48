"""Conformance suite of report writers, and a result for them to write."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest

from deidkit.protocols import ReportWriter
from deidkit.result import (
    SCHEMA_VERSION,
    AuditResult,
    Cell,
    Component,
    CoverageFinding,
    Curve,
    DatasetSummary,
    EngineResult,
    EngineVerdict,
    Estimate,
    Exclusion,
    FailureCount,
    Histogram,
    Provenance,
    RecognizerResult,
    Requirement,
    Timing,
    Verdict,
)
from deidkit.testing.base import PluginConformance

HOSTILE = "=1+1 & <script>alert('x')</script> \\input{x} 50 % \u202e \"quoted\", {{ 7 * 7 }}\nsecond line"
"""A name that spreadsheets, web pages or documents would execute if a writer did not escape it."""


class ReportConformance(PluginConformance):
    """Subclass me and set ``plugin`` to your report writer's entry point."""

    kind = "report"

    @pytest.fixture
    def writer(self, tested: ReportWriter) -> ReportWriter:
        """The writer under test."""
        return tested

    def test_writes_files_into_the_folder(self, writer: ReportWriter, tmp_path: Path) -> None:
        """The writer returns its files, the main one first, and writes nothing else."""
        folder = tmp_path / "report"
        folder.mkdir()
        written = list(writer.write(example_result(), folder))
        assert written
        assert all(path.is_file() and path.stat().st_size for path in written)
        assert all(path.resolve().is_relative_to(folder.resolve()) for path in written)
        assert {path.name for path in tmp_path.iterdir()} == {"report"}

    def test_same_result_same_bytes(self, writer: ReportWriter, tmp_path: Path) -> None:
        """The same result gives the same bytes, so that reports can be rewritten and compared."""
        contents = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            contents.append([path.read_bytes() for path in writer.write(example_result(), tmp_path / name)])
        assert contents[0] == contents[1]

    def test_leaves_the_result_alone(self, writer: ReportWriter, tmp_path: Path) -> None:
        """The result is not modified, as other writers receive the same one."""
        result = example_result()
        before = deepcopy(result)
        writer.write(result, tmp_path)
        assert result == before

    def test_copes_with_a_result_that_has_next_to_nothing(self, writer: ReportWriter, tmp_path: Path) -> None:
        """A result without engines, recognizers and requirements raises no error."""
        empty = replace(
            example_result(),
            recognizers=[],
            engines=[],
            cells=[],
            failures=[],
            timings=[],
            verdict=Verdict(status="NO REQUIREMENT", sentence="No requirement was stated."),
            notes=[],
        )
        assert writer.write(empty, tmp_path)

    def test_replaces_an_older_report(self, writer: ReportWriter, tmp_path: Path) -> None:
        """Writing into the same folder again replaces the report, as for ``deidkit report``."""
        first = [path.read_bytes() for path in writer.write(example_result(), tmp_path)]
        assert [path.read_bytes() for path in writer.write(example_result(), tmp_path)] == first


def example_result() -> AuditResult:
    """A small result with special cases for reports: a control, missing numbers, and a name full of markup."""
    engines = [
        _component("engine", "identity", control=True),
        _component("engine", "acme", label=f"acme ({HOSTILE})"),
    ]
    recognizer = _component("recognizer", "mtcc")
    curve = Curve(x=[0.0, 1.0, 10.0, 100.0], y=[100.0, 20.0, 2.0, 0.0])
    histograms = {
        name: Histogram(low=0.0, high=0.6, counts=counts, count=sum(counts))
        for name, counts in {"genuine": [5, 9, 1, 0], "impostor": [0, 1, 30, 4], "deidentified": [1, 6, 8, 0]}.items()
    }
    return AuditResult(
        schema_version=SCHEMA_VERSION,
        audit_id="20260101-000000-example",
        provenance=Provenance(
            command=f"deidkit audit --dataset '{HOSTILE}'",
            deidkit="0",
            commit="",
            python="3.11",
            platform="example",
            packages={"numpy": "2"},
            started="2026-01-01T00:00:00+00:00",
            finished="2026-01-01T00:01:00+00:00",
            wall_seconds=60.0,
            seeds={"engines": {}},
            options={"dataset": HOSTILE},
        ),
        dataset=DatasetSummary(
            component=_component("dataset", "synthetic"),
            fingerprint="0" * 64,
            samples=120,
            subjects=30,
            identities=30,
            sessions=None,
            kind="hand",
            hands={1: 117, 2: 3},
            exclusions=[Exclusion(reason=HOSTILE, count=2)],
            notes=[HOSTILE],
        ),
        hand_analysis=[_component("hand_analyzer", "mediapipe")],
        recognizers=[
            RecognizerResult(
                component=recognizer,
                metrics={"eer_percent": _estimate(1.2), "rank_1_percent": _estimate(99.0)},
                histograms=histograms,
                det=curve,
                cmc=Curve(x=[1.0, 2.0], y=[99.0, 100.0]),
                failures_to_acquire=1,
            )
        ],
        engines=[_engine_result(component) for component in engines],
        cells=[
            Cell(
                engine=component.label,
                recognizer=recognizer.label,
                metrics={
                    "deid_ratio_percent": _estimate(-50.0 if component.control else 47.5),
                    "rejection_rate_percent": _estimate(3.0),
                    "copy_linkage_eer_percent": _estimate(None),
                    "a_metric_of_tomorrow": _estimate(1.25),
                },
                histograms=histograms,
                det=curve,
                cmc=curve,
                failures_to_acquire=3,
            )
            for component in engines
        ],
        failures=[FailureCount(stage="hand", subject="original", reason=HOSTILE, count=1)],
        timings=[Timing(stage="pictures to templates", items=1, seconds=50.0)],
        verdict=Verdict(
            status="FAIL",
            sentence="1 of 1 checks failed.",
            engines=[EngineVerdict(engine=engines[1].label, status="FAIL", sentence=f"1 check failed. {HOSTILE}")],
            requirements=[
                Requirement(
                    text="deid_ratio_percent >= 90",
                    engine=engines[1].label,
                    recognizer=recognizer.label,
                    status="FAIL",
                    measured=51.0,
                    explanation="even the favourable end of the 95 % interval is 51, required >= 90",
                    metric="deid_ratio_percent",
                )
            ],
        ),
        notes=[HOSTILE],
    )


def _component(kind: str, name: str, *, label: str = "", control: bool = False) -> Component:
    return Component(
        kind=kind,
        name=name,
        label=label or name,
        version="1",
        distribution="example 0",
        options={"block": 7, "path": HOSTILE},
        weights={"model.bin": "ab" * 32},
        control=control,
    )


def _estimate(value: float | None) -> Estimate:
    if value is None:
        return Estimate(value=None, unit="percent", reason="There are too few.", remedy=f"Use more {HOSTILE}.")
    return Estimate(
        value=value,
        unit="percent",
        safer="higher",
        low=value - 3,
        high=value + 4,
        interval="95 %, two-sided, 30 subjects: jackknife over subjects, Student's t",
        subjects=30,
        comparisons=120,
        parameters={"threshold": 0.3},
    )


def _engine_result(component: Component) -> EngineResult:
    return EngineResult(
        component=component,
        produced=118,
        expected=120,
        seeds=[0],
        coverage=[CoverageFinding(finding="missing", count=2, explanation=HOSTILE)],
        quality={"ssim": _estimate(0.95), "psnr_inside": _estimate(None)},
        usability={"roi_error_percent": _estimate(0.3), "roi_success_change": _estimate(-1.0)},
        gallery=[],
        seconds_per_image=None if component.control else 0.01,
    )
