"""`deidkit compare` on audits that were really made, from the store and from files."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from xml.etree import ElementTree

import cv2
import msgspec
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

import deidkit
from deidkit.cli import main
from deidkit.store import load_contributions, load_result, opened_store

pytestmark = pytest.mark.slow

OPTIONS = ("--attack", "none", "--quiet", "--recognizer", "mtcc")


@pytest.fixture(scope="module")
def store(palms: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three audits: a weak and a strong pixelation of one data set, and one of fewer people."""
    folder = tmp_path_factory.mktemp("store")
    fewer = folder / "fewer"
    fewer.mkdir()
    for file in sorted(palms.iterdir())[:24]:
        shutil.copy(file, fewer)
    for name, data, engines in (
        ("weak", palms, ["pixelate:block=4", "identity"]),
        ("strong", palms, ["pixelate:block=24", "identity"]),
        ("fewer", fewer, ["pixelate:block=24"]),
    ):
        deidkit.audit(
            data, engines, ["mtcc"], output=folder / name, db=folder / "a.db", attack="none",
            requirements=["rank_1_percent <= 50"],
        )  # fmt: skip
    return folder


def run(*words: str):
    return CliRunner().invoke(main, [*words])


def ids(store: Path) -> list[str]:
    rows = json.loads(run("db", "list", "--db", str(store / "a.db"), "--json").stdout)
    return [row["id"] for row in reversed(rows)]


def compared(store: Path, *words: str) -> dict:
    weak, strong, _ = ids(store)
    result = run("compare", weak, strong, "--db", str(store / "a.db"), "--format", "json", *words)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def changes(comparison: dict) -> dict[tuple[str, str], dict]:
    (engine,) = comparison["others"][0]["engines"]
    return {(c["metric"], c["recognizer"]): c for c in engine["changes"]}


def test_a_stronger_setting_is_better_by_person_and_costs_quality(store: Path) -> None:
    found = changes(compared(store))
    rank = found["rank_1_percent", "mtcc"]
    assert (rank["direction"], rank["paired"], rank["headline"]) == ("better", True, True)
    assert rank["difference"]["value"] == pytest.approx(rank["after"]["value"] - rank["before"]["value"])
    assert rank["difference"]["high"] < 0
    assert found["deid_ratio_percent", "mtcc"]["direction"] == "better"
    assert found["ssim", ""]["direction"] == "worse"


def test_a_program_gets_the_same_as_a_record(store: Path) -> None:
    weak, strong, _ = ids(store)
    found = deidkit.compare(weak, strong, db=store / "a.db")
    assert found.worse  # in quality
    assert json.loads(msgspec.json.encode(found)) == compared(store)
    with pytest.raises(deidkit.DeidkitError, match="two audits"):
        deidkit.compare(weak)


def test_an_audit_against_itself_is_within_the_noise_throughout(store: Path) -> None:
    weak = ids(store)[0]
    result = run("compare", weak, weak, "--db", str(store / "a.db"), "--format", "json", "--fail-if-worse")
    assert result.exit_code == 0
    (engine,) = json.loads(result.stdout)["others"][0]["engines"]
    assert {c["direction"] for c in engine["changes"]} == {"within the noise"}


def test_every_number_with_an_interval_has_what_people_contribute(store: Path) -> None:
    with opened_store(str(store / "a.db"), "read") as opened:
        audit = ids(store)[0]
        kept = load_contributions(opened, audit)
        result = load_result(opened, audit)
    (cell, _) = result.cells
    for name, estimate in cell.metrics.items():
        found = [influence for place, influence in kept.items() if place[1:] == (cell.engine, "mtcc", name)]
        if estimate.low is not None and name != "rejection_rate_including_failures_percent":
            assert found and found[0].value == estimate.value, name
            assert found[0].pseudo_values.mean() == pytest.approx(estimate.value, abs=1e-6), name


def test_unlike_audits_are_refused_by_name_and_compared_when_forced(store: Path) -> None:
    _, strong, fewer = ids(store)
    refused = run("compare", strong, fewer, "--db", str(store / "a.db"))
    assert refused.exit_code == 2
    assert "differ in more than their engines: the data set: " in refused.output
    assert "--force" in refused.output and "Traceback" not in refused.output
    forced = run("compare", strong, fewer, "--db", str(store / "a.db"), "--force", "--format", "json")
    assert forced.exit_code == 0
    (other,) = json.loads(forced.stdout)["others"]
    assert other["unlike"][0].startswith("the data set: ")
    assert not any(c["paired"] for engine in other["engines"] for c in engine["changes"])


def test_reports_in_files_compare_from_their_intervals(store: Path) -> None:
    files = [str(store / name / "report.json") for name in ("weak", "strong")]
    result = run("compare", *files, "--format", "json")
    assert result.exit_code == 0, result.output
    rank = changes(json.loads(result.stdout))["rank_1_percent", "mtcc"]
    assert (rank["direction"], rank["paired"]) == ("better", False)
    folders = [str(store / name) for name in ("weak", "strong")]
    assert run("compare", *folders, "--format", "json").stdout == result.stdout
    engine = f"{folders[0]}/::identity"
    assert json.loads(run("compare", engine, engine, "--format", "json").stdout)["others"][0]["engines"]


@pytest.mark.parametrize(
    ("before", "after", "direction"),
    [(60, 90, "better"), (99, 131, "changed"), (131, 99, "changed"), (60, 131, "better"), (131, 60, "worse")],
)
def test_a_ratio_beyond_that_of_another_person_is_no_gain(
    store: Path, tmp_path: Path, before: float, after: float, direction: str
) -> None:
    for name, value in (("weak", before), ("strong", after)):
        report = json.loads((store / name / "report.json").read_text())
        for cell in report["cells"]:
            cell["metrics"]["deid_ratio_percent"] |= {"value": value, "low": value - 3, "high": value + 3}
        (tmp_path / f"{name}.json").write_text(json.dumps(report))
    result = run("compare", str(tmp_path / "weak.json"), str(tmp_path / "strong.json"), "--format", "json")
    assert result.exit_code == 0, result.output
    assert changes(json.loads(result.stdout))["deid_ratio_percent", "mtcc"]["direction"] == direction


def test_one_engine_of_several_is_named_and_a_trend_holds_all_against_the_first(store: Path) -> None:
    weak, strong, _ = ids(store)
    one = compared(store)
    assert [e["before"] for e in one["others"][0]["engines"]] == ["pixelate (block=4.0)"]  # controls are left out
    result = run(
        "compare", f"{weak}/identity", f"{weak}/pixelate", f"{strong}/pixelate (block=24.0)", "--db",
        str(store / "a.db"), "--format", "json",
    )  # fmt: skip
    trend = json.loads(result.stdout)
    assert [(e["before"], e["after"]) for other in trend["others"] for e in other["engines"]] == [
        ("identity", "pixelate (block=4.0)"),
        ("identity", "pixelate (block=24.0)"),
    ]
    wrong = run("compare", f"{weak}/blur", strong, "--db", str(store / "a.db"))
    assert wrong.exit_code == 2
    assert "has no engine 'blur'. Its engines: " in wrong.output


def test_formats_for_people_pull_requests_and_build_servers(store: Path, tmp_path: Path) -> None:
    weak, strong, _ = ids(store)
    db = str(store / "a.db")
    table = run("compare", strong, weak, "--db", db, "--fail-if-worse")
    assert table.exit_code == 1
    assert "worse" in table.output and "1 in" not in table.output
    markdown = run("compare", strong, weak, "--db", db, "--format", "markdown").stdout
    assert markdown.startswith("### pixelate (block=4.0) against pixelate (block=24.0)")
    assert "| 🔴 |" in markdown
    junit = ElementTree.fromstring(run("compare", strong, weak, "--db", db, "--format", "junit").stdout)
    (suite,) = junit
    assert int(suite.attrib["failures"]) == len(suite.findall("testcase/failure")) > 0
    page = tmp_path / "c.html"
    assert run("compare", strong, weak, "--db", db, "--format", "html", "--output", str(page)).exit_code == 0
    text = page.read_text(encoding="utf-8")
    assert "pixelate (block=4.0) against pixelate (block=24.0)" in text
    assert "<svg" in text and "src=" not in text


def test_a_gate_looks_at_the_numbers_that_matter_and_misses_none(store: Path, tmp_path: Path) -> None:
    weak, strong, _ = ids(store)
    gate = ("compare", strong, weak, "--db", str(store / "a.db"), "--fail-if-worse")
    cost = run(*gate, "--metric", "SSIM", "--format", "json")
    assert cost.exit_code == 0, "less is blurred, so quality is better"
    assert {metric for metric, _ in changes(json.loads(cost.stdout))} == {"ssim"}
    assert run(*gate, "--metric", "SSIM", "--metric", "rank_1_percent").exit_code == 1
    unknown = run(*gate, "--metric", "rank_1_procent")
    assert unknown.exit_code == 2 and "Did you mean 'rank_1_percent'?" in unknown.output
    report = json.loads((store / "weak" / "report.json").read_text())
    for cell in report["cells"]:
        cell["metrics"]["rank_1_percent"] |= {"value": None, "low": None, "high": None, "reason": "nobody knows"}
    (tmp_path / "report.json").write_text(json.dumps(report))
    files = (str(store / "weak" / "report.json"), str(tmp_path / "report.json"))
    lost = run("compare", *files, "--fail-if-worse", "--metric", "rank_1_percent")
    assert lost.exit_code == 2 and "not computed any more: Rank-1 identification" in lost.stderr
    assert run("compare", *files).exit_code == 0


def test_the_shell_completes_audits(store: Path) -> None:
    complete = ShellComplete(main, {}, "deidkit", "_DEIDKIT_COMPLETE").get_completions
    found = [item.value for item in complete(["compare", "--db", str(store / "a.db")], "")]
    assert found == ["latest", *reversed(ids(store))]
    assert [item.type for item in complete(["compare", "--db", str(store / "none.db")], "x")] == ["file"]
    assert not (store / "none.db").exists()


def test_tests_of_a_build_server_keep_their_names(store: Path) -> None:
    weak, _, _ = ids(store)
    junit = run("compare", weak, weak, "--db", str(store / "a.db"), "--format", "junit").stdout
    names = {test.attrib["classname"] for test in ElementTree.fromstring(junit).iter("testcase")}
    assert names == {"pixelate (block=4.0)"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["latest"], "compare takes two audits or more"),
        (["nothing.json", "nothing.json"], "cannot be read"),
        (["latest", "nothing"], "no audit 'nothing' is in the store"),
    ],
)
def test_mistakes_are_one_sentence(store: Path, words: list[str], said: str) -> None:
    result = run("compare", *words, "--db", str(store / "a.db"))
    assert result.exit_code == 2
    assert said in result.output and len(result.output.strip().splitlines()) == 1


def test_the_list_of_audits_says_whose_they_are_and_the_worst_that_was_found(store: Path) -> None:
    rows = json.loads(run("db", "list", "--db", str(store / "a.db"), "--json").stdout)
    assert [row["engines"] for row in rows] == [
        ["pixelate (block=24.0)"], ["pixelate (block=24.0)"], ["pixelate (block=4.0)"],
    ]  # fmt: skip
    with opened_store(str(store / "a.db"), "read") as opened:
        rank = load_result(opened, rows[2]["id"]).cells[0].metrics["rank_1_percent"].value
    assert rows[2]["headline"] == {"pixelate (block=4.0)": rank}
    assert f"{rank:.1f} %" in run("db", "list", "--db", str(store / "a.db")).output


def test_each_of_several_data_sets_gets_its_audit(palms: Path, elsewhere: Path, draw_palm) -> None:
    other = elsewhere / "other"
    other.mkdir()
    for identity in range(30, 42):
        for sample in (1, 2):
            cv2.imwrite(str(other / f"{identity:04d}_{sample:04d}.png"), draw_palm(identity, sample))
    words = ["audit", "--dataset", str(palms), "--dataset", str(other), "--engine", "blur", *OPTIONS, "--output", "out"]
    result = run(*words)
    assert result.exit_code == 0, result.output
    reports = [json.loads((elsewhere / "out" / f"dataset-{n}" / "report.json").read_text()) for n in (1, 2)]
    assert [report["dataset"]["samples"] for report in reports] == [36, 24]
    with sqlite3.connect("deidkit.db") as store:
        store.execute("UPDATE audit SET status = 'interrupted' WHERE id = ?", (reports[1]["audit_id"],))
    resumed = run(*words, "--resume", "--overwrite")
    assert resumed.exit_code == 0, resumed.output
    assert "data set 2: " in resumed.output and "data set 1: " not in resumed.output  # that one is done
    missing = run(*words[:2], "nowhere/", *words[3:], "--overwrite")
    assert missing.exit_code == 2
    assert "Error: nowhere/: " in missing.output  # and the other was audited all the same
    assert (
        json.loads((elsewhere / "out" / "dataset-2" / "report.json").read_text())["audit_id"] != reports[1]["audit_id"]
    )
    twice = run("audit", "--dataset", "a", "--dataset", "a", "--engine", "blur", *OPTIONS)
    assert twice.exit_code == 2 and "--dataset a is given twice" in twice.output
