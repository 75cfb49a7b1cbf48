"""Audits held against one another, as a page, Markdown, JUnit and JSON: nothing foreign runs, nothing is promised."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from deidkit import plugins
from deidkit.audit_changes import Comparison
from deidkit.audit_comparison import Side, compare
from deidkit.cli import main
from deidkit.errors import UsageError
from deidkit.result import AuditResult

PROMISES = re.compile(
    r"\banonymi[sz]ed\b|\banonymous\b|compliant|\bcertified\b|\bguarante|\birreversibl", re.IGNORECASE
)


@pytest.fixture
def comparison(result: AuditResult) -> Comparison:
    return compare([Side(result), Side(result)])


def written(comparison: Comparison, format_: str, folder: Path) -> str:
    path, *_ = plugins.create("report", format_).plugin.write_comparison(comparison, folder)
    return Path(path).read_text(encoding="utf-8")


def test_the_page_runs_nothing_and_fetches_nothing(comparison: Comparison, tmp_path: Path) -> None:
    page = written(comparison, "html", tmp_path)
    assert "<script" not in page and "&lt;script&gt;" in page
    assert "default-src 'none'" in page
    assert not re.search(r"""(?:src|href)=["'](?!#|data:)""", page)
    assert PROMISES.search(re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)) is None
    assert "neither a certificate nor legal advice" in page


def test_the_head_names_each_data_set_and_counts_an_audit_once(result: AuditResult, tmp_path: Path) -> None:
    def head(*others: AuditResult) -> str:
        page = written(compare([Side(result), *map(Side, others)], force=True), "html", tmp_path)
        found = re.search(r'<p class="meta">(.*?)</p>', page)
        assert found is not None
        return found[1]

    data = replace(result.dataset, fingerprint="other", subjects=6)
    assert re.fullmatch(r"1 audit of 30 people · [^,]+", head(result))
    assert re.fullmatch(
        r"2 audits of 30 people · [^,]+, 6 people · [^,]+", head(result, replace(result, audit_id="b", dataset=data))
    )


def test_markdown_keeps_foreign_names_from_being_markup(comparison: Comparison, tmp_path: Path) -> None:
    text = written(comparison, "markdown", tmp_path)
    assert re.search(r"(?<!\\)<", text) is None and "\\<script\\>" in text
    for line in text.splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) == 8, line


def test_junit_is_well_formed_and_an_audit_s_checks_are_tests(
    comparison: Comparison, result: AuditResult, tmp_path: Path
) -> None:
    assert len(ElementTree.fromstring(written(comparison, "junit", tmp_path))) == 2  # one for each engine
    (path,) = plugins.create("report", "junit").plugin.write(result, tmp_path)
    suites = {suite.attrib["name"]: suite for suite in ElementTree.parse(path).getroot()}
    assert suites["pixelate"].attrib["failures"] == "1"
    failed = suites["pixelate"].find("testcase/failure")
    assert failed is not None and "even the favourable end is 51" in failed.attrib["message"]
    assert [suite.attrib["skipped"] for name, suite in suites.items() if name.startswith("folder")] == ["1"]


def test_an_engine_has_each_test_once_and_always_the_same_ones(result: AuditResult, tmp_path: Path) -> None:
    first, *others = result.verdict.engines
    worse = replace(first, leaks=["2 unchanged", "1 turned"], holes=["1 missing", "1 unreadable"])
    better = replace(first, leaks=[], holes=[])
    found = []
    for number, engine in enumerate((worse, better)):
        verdict = replace(result.verdict, engines=[engine, *others])
        (tmp_path / str(number)).mkdir()
        writer = plugins.create("report", "junit").plugin
        (path,) = writer.write(replace(result, verdict=verdict), tmp_path / str(number))
        found.append({(t.attrib["classname"], t.attrib["name"]): t for t in ElementTree.parse(path).iter("testcase")})
        assert len(found[-1]) == len(list(ElementTree.parse(path).iter("testcase")))
    assert set(found[0]) == set(found[1])
    leak, hole = (found[0][first.engine, name][0].attrib["message"] for name in ("no leak", "evidence complete"))
    assert (leak, hole) == ("2 unchanged; 1 turned", "1 missing; 1 unreadable")


def test_json_says_the_same_and_a_format_without_comparisons_says_so(comparison: Comparison, tmp_path: Path) -> None:
    document = json.loads(written(comparison, "json", tmp_path))
    assert document["first"]["audit_id"] == comparison.first.audit_id
    assert len(document["plane"]) == 8  # two engines that are judged, two recognizers, two audits
    with pytest.raises(UsageError, match="writes no comparisons"):
        written(comparison, "latex", tmp_path)


def test_a_gate_misses_an_engine_that_is_not_measured_any_more(result: AuditResult, tmp_path: Path) -> None:
    kept = [engine for engine in result.engines if engine.component.label != "pixelate"]
    without = replace(result, audit_id="without", engines=kept)
    before, after = (report(audit, tmp_path / audit.audit_id) for audit in (result, without))
    lost = CliRunner().invoke(main, ["compare", before, after, "--fail-if-worse"])
    assert lost.exit_code == 2 and "not computed any more: any number of pixelate" in lost.stderr
    assert "pixelate is not in audit without" in lost.stdout
    assert CliRunner().invoke(main, ["compare", after, before, "--fail-if-worse"]).exit_code == 0
    chosen = CliRunner().invoke(main, ["compare", before, f"{before}::pixelate", "--fail-if-worse"])
    assert chosen.exit_code == 0 and "is not in audit" not in chosen.stdout, "nobody asked for the others"
    comparison = compare([Side(result), Side(without)])
    assert "pixelate is not in audit without" in written(comparison, "html", tmp_path)
    assert "pixelate is not in audit without" in written(comparison, "markdown", tmp_path)
    suites = ElementTree.fromstring(written(comparison, "junit", tmp_path))
    assert [suite.attrib["name"] for suite in suites if suite.attrib["failures"] != "0"] == ["pixelate"]


@pytest.mark.parametrize("name", ["missing", "missing_count", "metadata_count", "metadata findings"])
def test_a_gate_takes_findings_by_name_though_nothing_was_found(result: AuditResult, tmp_path: Path, name: str) -> None:
    path = report(result, tmp_path)
    gate = CliRunner().invoke(main, ["compare", path, path, "--fail-if-worse", "--metric", name])
    assert gate.exit_code == 0, gate.output


def report(result: AuditResult, folder: Path) -> str:
    folder.mkdir(exist_ok=True)
    (path,) = plugins.create("report", "json").plugin.write(result, folder)
    return str(path)


def test_on_a_terminal_numbers_between_0_and_1_have_three_decimals(result: AuditResult, tmp_path: Path) -> None:
    reports = []
    for name, auc in (("before", 0.9512), ("after", 0.5534)):
        (tmp_path / name).mkdir()
        (path,) = plugins.create("report", "json").plugin.write(result, tmp_path / name)
        report = json.loads(Path(path).read_text(encoding="utf-8"))
        for cell in report["cells"]:
            cell["metrics"]["linkage_auc"] = {
                "value": auc, "low": auc - 0.0431, "high": auc + 0.0431, "unit": "probability", "safer": "lower",
                "interval": "95 %", "subjects": 30, "comparisons": 900,
            }  # fmt: skip
        Path(path).write_text(json.dumps(report), encoding="utf-8")
        reports.append(str(path))
    shown = CliRunner().invoke(main, ["compare", *reports, "--force", "--metric", "linkage_auc"])
    assert re.search(r"0\.951 .* 0\.553 .* -0\.398 \[-0\.4\d\d, -0\.3\d\d\]", shown.output), shown.output
