"""Files and rows of audits: none is written over or left behind, and none that belongs to others is touched."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from deidkit.cli import main

from .misbehaving import audit, interrupted, result_of

pytestmark = pytest.mark.usefixtures("odd")


@pytest.mark.slow
def test_files_that_are_not_the_audits_stay(palms: Path, elsewhere: Path) -> None:
    theirs = [Path("work/thesis.txt"), Path("gallery/holiday.webp"), Path("mine/notes.txt")]
    for file in theirs:
        file.parent.mkdir()
        file.write_text("mine")
    Path("mine").chmod(0o755)
    for _ in range(2):
        assert audit(palms, "mask", "--output", ".", "--overwrite").exit_code == 0
    assert audit(palms, "mask", "--output", "out", "--work", "mine").exit_code == 0
    assert [file.read_text() for file in theirs] == ["mine"] * 3
    assert stat.S_IMODE(Path("mine").stat().st_mode) == 0o755
    kept = list(Path("mine").glob("*.stage"))
    assert kept and all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in kept)


@pytest.mark.slow
def test_templates_that_an_abandoned_audit_left_are_named_and_can_be_removed(palms: Path, elsewhere: Path) -> None:
    interrupted(palms, "--output", "out")
    (work,) = Path("out").glob("work-*")
    assert list(work.glob("*.stage"))
    abandoned = work.name.removeprefix("work-")
    sentence = f"templates (biometric data) of the interrupted audit {abandoned} lie in {work.resolve()}"
    for other in (["mask", "--output", "out"], ["odd:stop", "--output", "afresh"]):  # same folder, same options
        told = " ".join(audit(palms, *other).output.split())
        assert sentence in told and f"deidkit db remove {abandoned} (and its --db) removes them" in told
    assert sentence not in audit(palms, "mask", "--output", "unrelated").output
    (elsewhere / "out" / ".deidkit.lock").touch()  # as a kill leaves it
    removed = CliRunner().invoke(main, ["db", "remove", abandoned])
    assert removed.exit_code == 0, removed.output
    assert f"removed audit {abandoned}" in removed.output
    left = sorted(path.name for path in Path("out").iterdir())
    assert left == [".deidkit-report.json", "gallery", "report.json"]
    ids = [row["id"] for row in json.loads(CliRunner().invoke(main, ["db", "list", "--json"]).output)]
    assert abandoned not in ids and len(ids) == 3
    assert sentence not in audit(palms, "odd:stop", "--output", "again").output


@pytest.mark.slow
def test_an_audit_that_goes_on_with_other_work_leaves_no_templates_of_its_first_run(
    palms: Path, elsewhere: Path
) -> None:
    interrupted(palms, "--output", "out")
    (work,) = Path("out").glob("work-*")
    (work / "thesis.txt").write_text("mine")
    Path("mine").mkdir()
    theirs = [Path("mine/notes.txt"), Path("mine/scores.npz")]
    for file in theirs:
        file.write_text("mine")
    assert list(work.glob("*.stage"))
    assert audit(palms, "odd:stop", "--resume", "--work", "mine").exit_code == 0
    assert [path.name for path in work.iterdir()] == ["thesis.txt"]
    assert [file.read_text() for file in theirs] == ["mine"] * 2 and len(list(Path("mine").glob("*.stage"))) > 1


@pytest.mark.slow
def test_templates_of_an_audit_that_is_done_are_named_wherever_they_lie(palms: Path, elsewhere: Path) -> None:
    interrupted(palms, "--output", "out")
    (work,) = Path("out").glob("work-*")
    assert audit(palms, "odd:stop", "--resume", "--work", work).exit_code == 0
    assert list(work.glob("*.stage")), "asked for by name, they are kept"
    told = " ".join(audit(palms, "odd:stop", "--output", "another").output.split())
    done = work.name.removeprefix("work-")
    assert f"templates (biometric data) of audit {done}, which is done, lie in {work.resolve()}: remove" in told


@pytest.mark.slow
def test_removing_an_audit_takes_all_that_was_measured_in_it_and_nothing_of_others(
    palms: Path, elsewhere: Path
) -> None:
    for engine in ("mask", "blur"):
        assert audit(palms, engine, "--output", engine).exit_code == 0
    gone, kept = (result_of(elsewhere / engine)["audit_id"] for engine in ("mask", "blur"))
    for unclear in ("", "2", "latest"):
        assert CliRunner().invoke(main, ["db", "remove", unclear]).exit_code == 2
    assert CliRunner().invoke(main, ["db", "remove", gone]).exit_code == 0
    assert (elsewhere / "mask" / "report.json").exists()
    with sqlite3.connect("deidkit.db") as store:
        for table in ("score_set", "metric", "timing"):
            assert {row[0] for row in store.execute(f"SELECT DISTINCT audit_id FROM {table}")} == {kept}
        orphans = "SELECT count(*) FROM score_block WHERE score_set_id NOT IN (SELECT id FROM score_set)"
        assert store.execute(orphans).fetchone() == (0,)
    store.close()
    assert CliRunner().invoke(main, ["report", kept, "--output", "again"]).exit_code == 0


def test_a_folder_that_cannot_be_written_to_leaves_no_audit_behind(palms: Path, elsewhere: Path) -> None:
    closed = elsewhere / "closed"
    closed.mkdir(mode=0o500)
    if os.access(closed, os.W_OK):  # to whoever may write everywhere
        closed = Path("/proc/self")
    if not closed.exists():
        pytest.skip("every folder can be written to")
    result = audit(palms, "mask", "--output", closed)
    assert result.exit_code == 2 and "Traceback" not in result.output
    assert "cannot be written to" in " ".join(result.output.split())
    assert json.loads(CliRunner().invoke(main, ["db", "list", "--json"]).output) == []


@pytest.mark.slow
def test_reports_of_other_audits_are_neither_written_over_nor_left_beside_the_new_one(
    palms: Path, elsewhere: Path
) -> None:
    out = elsewhere / "out"
    several = ("--format", "html", "--format", "csv", "--output", "out")
    dataset = ("--dataset", f"numbered:{palms},kind=roi", "--recognizer", "compcode", "--quiet")
    assert CliRunner().invoke(main, ["audit", "--engine", "mask", *dataset, *several]).exit_code == 0
    (out / "report.docx").write_text("mine")
    (out / "gallery" / "holiday.webp").write_text("mine")
    before = {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}
    assert before
    again = audit(palms, "mask", "--output", "out")
    assert again.exit_code == 2 and "already holds a report" in " ".join(again.output.split())
    assert {file: file.read_bytes() for file in out.rglob("*") if file.is_file()} == before
    assert audit(palms, "identity", "--output", "out", "--overwrite").exit_code == 0
    there = {file.relative_to(out).as_posix() for file in out.rglob("*") if file.is_file()}
    assert there == {"report.json", "report.docx", "gallery/holiday.webp", ".deidkit-report.json"}


@pytest.mark.slow
def test_a_gallery_of_another_audit_is_not_mixed_with_the_new_one(palms: Path, elsewhere: Path) -> None:
    assert audit(palms, "mask", "--output", "out").exit_code == 0
    audit_id = result_of(elsewhere / "out")["audit_id"]
    Path("out/report.json").unlink()
    refused = audit(palms, "mask", "--output", "out")
    assert refused.exit_code == 2 and f"already holds a report: {audit_id}-engine1-" in " ".join(refused.output.split())


@pytest.mark.slow
def test_an_audit_that_goes_on_does_not_write_over_the_report_of_a_later_one(palms: Path, elsewhere: Path) -> None:
    interrupted(palms, "--output", "out")
    assert audit(palms, "blur", "--output", "out").exit_code == 0
    before = result_of(elsewhere / "out")
    resumed = audit(palms, "odd:stop", "--resume")
    assert resumed.exit_code == 2 and "already holds a report" in " ".join(resumed.output.split())
    assert result_of(elsewhere / "out") == before
    assert audit(palms, "odd:stop", "--resume", "--overwrite").exit_code == 0
    assert result_of(elsewhere / "out")["engines"][0]["component"]["name"] == "odd"


def test_a_format_is_refused_before_the_work(palms: Path, elsewhere: Path) -> None:
    result = audit(palms, "mask", "--format", "jsn", "--output", "out")
    assert result.exit_code == 2 and "no report is named 'jsn'. Did you mean 'json'?" in result.output
    assert list(elsewhere.iterdir()) == []
