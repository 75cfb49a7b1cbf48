"""The ablation's page, tables and figure on a result with everything they have to cope with."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deidkit.pipeline import write_reports
from deidkit.result import AuditResult, Estimate
from deidkit_reports import figures

KINDS = ("html", "csv", "json", "tex")


def ablation(result: AuditResult, folder: Path) -> dict[str, str]:
    (main,) = write_reports(result, folder, ["ablation"])
    assert main.name == "ablation.html"
    return {kind: (folder / f"ablation.{kind}").read_text(encoding="utf-8") for kind in KINDS}


def settings_of(result: AuditResult, options: list[dict[str, object]]) -> AuditResult:
    """The result as if its engines were settings of one engine."""
    names = {}
    engines = []
    for engine, values in zip(result.engines, options, strict=True):
        label = f"e ({values})"
        names[engine.component.label] = label
        component = dataclasses.replace(engine.component, name="e", label=label, options=values, control=False)
        engines.append(dataclasses.replace(engine, component=component))
    cells = [dataclasses.replace(cell, engine=names[cell.engine]) for cell in result.cells]
    return dataclasses.replace(result, engines=engines, cells=cells)


def test_no_foreign_text_is_run_and_nothing_is_fetched(result: AuditResult, tmp_path: Path) -> None:
    files = ablation(result, tmp_path)
    assert "<script" not in files["html"]
    assert "default-src 'none'" in files["html"]
    assert not re.search(r"(src|href)\s*=\s*[\"'](?!#)", files["html"])
    assert "7 * 7" in files["html"]
    rows = list(csv.reader(files["csv"].splitlines()))
    assert {len(row) for row in rows} == {len(rows[0])}


def test_settings_are_called_by_what_tells_them_apart(result: AuditResult, tmp_path: Path) -> None:
    varied = [{"sets": ["s", "m"], "alpha": a, "steps": 50} for a in (0.0, 0.1, 0.2, 0.3)]
    files = ablation(settings_of(result, varied), tmp_path)
    document = json.loads(files["json"])
    assert document["varied"] == ["alpha"]
    assert [s["setting"] for s in document["settings"]] == ["alpha 0", "alpha 0.1", "alpha 0.2", "alpha 0.3"]
    assert [s["options"] for s in document["settings"]] == [{"alpha": a} for a in (0.0, 0.1, 0.2, 0.3)]
    varied[1]["sets"] = ["s"]
    files = ablation(settings_of(result, varied), tmp_path)
    assert "sets s, alpha 0.1" in files["html"]
    assert "sets s+m, alpha 0.2 & " in files["tex"]


def test_the_engine_with_several_settings_is_the_title_wherever_it_stands(result: AuditResult, tmp_path: Path) -> None:
    made = settings_of(result, [{}, *({"alpha": a} for a in (0.1, 0.2, 0.3))])
    first = dataclasses.replace(made.engines[0], component=dataclasses.replace(made.engines[0].component, name="other"))
    files = ablation(dataclasses.replace(made, engines=[first, *made.engines[1:]]), tmp_path)
    assert "<title>Ablation of e, audit" in files["html"] and "<h1>e by alpha on" in files["html"]
    settings = json.loads(files["json"])["settings"]
    assert [s["options"] for s in settings] == [{"alpha": a} for a in (None, 0.1, 0.2, 0.3)]


def test_the_first_engine_stays_the_title_though_another_has_more_settings(result: AuditResult, tmp_path: Path) -> None:
    made = settings_of(result, [{"alpha": a} for a in (0.1, 0.2, 0.3, 0.4)])
    others = [
        dataclasses.replace(e, component=dataclasses.replace(e.component, name="other"))
        for e in [*made.engines[2:], made.engines[3]]
    ]
    files = ablation(dataclasses.replace(made, engines=[*made.engines[:2], *others]), tmp_path)
    assert "<h1>e by alpha on" in files["html"]


def test_what_was_not_computed_says_why_everywhere(result: AuditResult, tmp_path: Path) -> None:
    nothing = Estimate(value=None, unit="percent", reason="There are too few.", remedy="Use more.")
    cells = [dataclasses.replace(c, metrics={**c.metrics, "deid_ratio_percent": nothing}) for c in result.cells]
    files = ablation(dataclasses.replace(result, cells=cells), tmp_path)
    for text in files.values():
        assert "There are too few." in text
    assert "No setting has both numbers." in files["html"]
    assert "nan" not in files["csv"].lower()


def test_an_audit_without_engines_has_an_empty_page(result: AuditResult, tmp_path: Path) -> None:
    files = ablation(dataclasses.replace(result, engines=[], cells=[]), tmp_path)
    assert "No setting has both numbers." in files["html"]


def test_remarks_about_weights_stand_at_the_top(result: AuditResult, tmp_path: Path) -> None:
    recognizer = result.recognizers[0]
    component = dataclasses.replace(recognizer.component, remark="embedded weights, trained on procedural palms")
    changed = [dataclasses.replace(recognizer, component=component), *result.recognizers[1:]]
    page = ablation(dataclasses.replace(result, recognizers=changed), tmp_path)["html"]
    assert page.index("trained on procedural palms") < page.index("What privacy costs")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_the_tables_compile(result: AuditResult, tmp_path: Path) -> None:
    ablation(result, tmp_path)
    (tmp_path / "paper.tex").write_text(
        r"\documentclass{article}\usepackage{booktabs}\usepackage[T1]{fontenc}\begin{document}\input{ablation}\end{document}"
    )
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


numbers = st.one_of(st.none(), st.floats(-1e6, 1e6), st.sampled_from([float("nan"), float("inf"), 0.0, 100.0]))


@given(st.lists(st.tuples(numbers, numbers, st.integers(0, 8), st.integers(0, 7)), max_size=30))
def test_the_figure_stands_on_any_numbers(values: list[tuple[float | None, float | None, int, int]]) -> None:
    def estimate(value: float | None) -> Estimate:
        return Estimate(value=value, unit="percent", low=value, high=value)

    points = [figures.Point(f"s{s} <&>", f"r{r}", estimate(x), estimate(y)) for x, y, s, r in values]
    figure = figures.tradeoff("f", "t", points, "x", "y", {100.0: "there"})
    assert len(figure.rows) == len(points)
    if figure.empty:
        return
    drawing = ElementTree.fromstring(figure.svg)
    width, height = map(float, drawing.attrib["viewBox"].split()[2:])
    marks = [element for element in drawing if element.attrib.get("class", "").startswith("mark ")]
    assert marks
    for text in drawing.iter("text"):
        if "x" in text.attrib:
            assert -60 <= float(text.attrib["x"]) <= width
            assert 0 <= float(text.attrib["y"]) <= height
    assert "nan" not in str(figure.svg)
