"""What must not happen to evidence or to a user's files when plugins misbehave or audits meet."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from deidkit.cli import main
from deidkit.errors import PluginError
from deidkit.pipeline import AuditPlan, Execution, lock, run_audit
from deidkit.progress import Silent

ENGINE = '''
import os
import sys
import time
from dataclasses import dataclass
import numpy as np
from deidkit.protocols import option

@dataclass(frozen=True)
class Odd:
    """Does what its mode says to pictures of odd sum, and makes noise of the others."""

    mode: str = option("raise", "What", primary=True)
    version = "1"
    deterministic, diverse, batch_size, control = True, False, 4, False

    def deidentify(self, images, seeds):
        return [self.one(image.pixels) for image in images]

    def one(self, pixels):
        if self.mode == "stop" and os.path.exists("stop"):
            raise KeyboardInterrupt
        if self.mode == "wait":
            while not os.path.exists("go"):
                time.sleep(0.01)
        elif int(pixels.sum()) % 2:
            if self.mode == "raise":
                raise RuntimeError("odd sum")
            if self.mode == "names":
                raise FileNotFoundError(2, "No such file", f"/photos/anne-smith/{int(pixels.sum())}.jpg")
            if self.mode == "exit":
                sys.exit(0)
            if self.mode == "none":
                return None
            if self.mode == "small":
                return [pixels[:-1]]
        return [np.random.default_rng(int(pixels.sum())).integers(0, 256, pixels.shape, np.uint8)]

@dataclass(frozen=True)
class Reader:
    """Takes no palm and says in so many words which it was."""

    version, input, score_range = "1", "roi", (0.0, 1.0)

    def extract(self, rois):
        if len(rois) > 1 or int(rois[0].sum()) % 2:
            raise OSError(f"anne-smith does not fit: {int(rois[0].sum())}")
        return rois[0][None, 0].astype(float)

    def compare(self, probes, references):
        return np.clip(abs(probes[:, None] - references[None]).mean(axis=2) / 255, 0, 1)
'''


@pytest.fixture(autouse=True)
def odd(install: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    site = install(
        "odd_engine",
        ENGINE,
        "[deidkit.engines]\nodd = odd_engine:Odd\n[deidkit.recognizers]\nreader = odd_engine:Reader\n",
    )
    monkeypatch.setenv("PYTHONPATH", str(site))


LEAVING = """
import sys
from dataclasses import dataclass
from deidkit.protocols import option

def leave():
    sys.exit(0)

@dataclass(frozen=True)
class Engine:
    at: str = option("", "Where it ends the process", primary=True)
    version = "1"
    deterministic, diverse, batch_size, control = True, False, 4, False

    def prepare(self, note):
        if self.at == "prepare":
            leave()

    def expect(self, samples):
        if self.at == "expect":
            leave()

    def input_digest(self, sample):
        if self.at == "input_digest":
            leave()
        return ""

    def coverage(self, samples):
        if self.at == "coverage":
            leave()
        return []

    def deidentify(self, images, seeds):
        return [[255 - image.pixels] for image in images]

class Analyzer:
    version = "1"

    def detect(self, image):
        leave()

class Measure:
    version, metric = "1", "other"

    def measure(self, original, copies):
        leave()

    def estimate(self, measured, samples, subjects, settings):
        leave()

class Writer:
    version = "1"

    def write(self, result, folder):
        leave()
"""


@pytest.fixture
def leaving(install: Callable[..., Path]) -> None:
    """Plugins of several kinds that end the process with exit code 0."""
    groups = "[deidkit.engines]\nleaving = leaving:Engine\nimporting = leaving_import:Engine\n"
    for kind, name in (("hand_analyzers", "Analyzer"), ("quality_measures", "Measure"), ("reports", "Writer")):
        groups += f"[deidkit.{kind}]\nleaving = leaving:{name}\n"
    site = install("leaving", LEAVING, groups)
    (site / "leaving_import.py").write_text("import sys\nsys.exit(0)\n")


def command(palms: Path, engine: str, *more: object) -> list[str]:
    dataset = f"numbered:{palms},kind=roi"
    given = [] if "--dataset" in more else ["--dataset", dataset]
    fixed = ["audit", *given, "--engine", engine, "--recognizer", "compcode"]
    return [*fixed, "--quiet", "--format", "json", *map(str, more)]


def audit(palms: Path, engine: str, *more: object) -> Result:
    return CliRunner().invoke(main, command(palms, engine, *more))


def interrupted(palms: Path, *more: object) -> None:
    """An audit of the engine ``odd:stop`` that was interrupted when something was finished."""
    Path("stop").touch()
    result = audit(palms, "odd:stop", *more)
    assert result.exit_code == 2 and "Interrupted" in result.output, result.output
    Path("stop").unlink()


def result_of(folder: Path) -> dict:
    return json.loads((folder / "report.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["raise", "exit", "none", "small"])
def test_nothing_passes_on_evidence_with_gaps_of_a_plugins_making(palms: Path, elsewhere: Path, mode: str) -> None:
    rule = ("--require", "rejection_rate_percent >= 0 on point", "--work", "kept")
    for output in ("first", "second"):  # the second finds every batch done
        result = audit(palms, f"odd:{mode}", *rule, "--output", output)
        assert result.exit_code == 2, result.output
        assert "incomplete evidence: engine 'odd'" in result.output
        verdict = result_of(elsewhere / output)["verdict"]
        assert verdict["status"] == "INCONCLUSIVE"
        assert "evidence is incomplete" in verdict["sentence"]
        assert "made" in result.output and "of 36 copies" in result.output


@pytest.mark.slow
def test_what_an_exception_says_is_shown_once_and_kept_nowhere(palms: Path, elsewhere: Path) -> None:
    given = ("--recognizer", "reader", "--require", "rejection_rate_percent >= 0 on point", "--db", "s.db")
    result = audit(palms, "odd:names", *given, "--work", "kept", "--format", "html", "--output", "out")
    assert result.exit_code == 2, result.output
    assert "anne-smith" not in result.stdout
    assert result.stderr.count("engine 'odd' raised FileNotFoundError: ") == 1
    assert result.stderr.count("recognizer 'reader' raised OSError: anne-smith does not fit: ") == 1
    assert result.stderr.count("anne-smith") == 2, "one line for each plugin and kind of exception"
    raised = ("engine 'odd' raised FileNotFoundError", "recognizer 'reader' raised OSError.")
    assert result_of(elsewhere / "out")["verdict"]["sentence"].endswith("; ".join(raised))
    assert any("the engine raised FileNotFoundError" in f["reason"] for f in result_of(elsewhere / "out")["failures"])
    kept = [file for name in ("out", "kept", "s.db") for file in (Path(name), *Path(name).rglob("*")) if file.is_file()]
    assert {file.suffix for file in kept} >= {".html", ".json", ".stage", ".db"}
    assert not [file for file in kept if b"anne-smith" in file.read_bytes()]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--engine", "importing"], "engine 'importing' of leaving 1.0"),
        (["--engine", "leaving:prepare"], "engine 'leaving' of leaving 1.0"),
        (["--engine", "leaving:expect"], "engine 'leaving' of leaving 1.0"),
        (["--engine", "leaving:input_digest"], "engine 'leaving' of leaving 1.0"),
        (["--engine", "leaving:coverage"], "engine 'leaving' of leaving 1.0"),
        (["--quality", "leaving"], "quality measure 'leaving' of leaving 1.0"),
        (["--format", "leaving"], "report 'leaving' of leaving 1.0"),
        (["--analyzer", "leaving", "--dataset", "numbered:palms,kind=hand"], "hand analyzer 'leaving' of leaving 1.0"),
    ],
)
def test_a_plugin_that_ends_the_process_is_no_success(
    palms: Path, elsewhere: Path, leaving: None, options: list[str], named: str
) -> None:
    Path("palms").symlink_to(palms)
    result = audit(palms, "mask", "--output", "out", *options)
    assert result.exit_code == 2, result.output
    assert named in result.output and "Traceback" not in result.output
    assert not Path("out/report.json").exists() or "--format" in options


@pytest.mark.slow
@pytest.mark.parametrize("at", ["prepare", "expect", "input_digest", "coverage"])
def test_nor_is_it_one_for_a_program_that_audits(palms: Path, elsewhere: Path, leaving: None, at: str) -> None:
    plan = AuditPlan(dataset=str(palms), engines=(f"leaving:{at}",), recognizers=("compcode",))
    execution = Execution(
        db="s.db",
        output=Path("out"),
        resume=False,
        overwrite=False,
        work=None,
        threads=1,
        command="",
        formats=("json",),
    )
    with pytest.raises(PluginError, match=r"leaving.*ended the process"):
        run_audit(plan, execution, Silent())


def test_commands_that_list_plugins_survive_one_that_ends_the_process(elsewhere: Path, leaving: None) -> None:
    listed = CliRunner().invoke(main, ["plugins", "--kind", "engine", "--json"])
    states = {row["name"]: row["state"] for row in json.loads(listed.output)}
    assert states["blur"] == "ok" and "failed to import: SystemExit(0)" in states["importing"]


@pytest.mark.slow
def test_a_failed_requirement_fails_however_incomplete_the_evidence_is(palms: Path, elsewhere: Path) -> None:
    rules = ("--require", "ssim >= 2 on point", "--require", "psnr >= 1")
    result = audit(palms, "odd:raise", *rules, "--output", "out")
    assert result.exit_code == 1, result.output
    assert "incomplete evidence: engine 'odd'" in result.output and "verdict: FAIL" in result.output


@pytest.mark.slow
def test_nothing_passes_while_copies_are_missing(palms: Path, elsewhere: Path) -> None:
    vendor = elsewhere / "vendor"
    vendor.mkdir()
    cv2.imwrite("noise.png", np.random.default_rng(0).integers(0, 255, (128, 128), np.uint8))
    for file in sorted(palms.iterdir())[:20]:
        shutil.copyfile(Path("noise.png"), vendor / file.name)
    rule = ("--require", "rejection_rate_percent >= 0 on point")
    result = audit(palms, f"folder:{vendor}", *rule, "--output", "out")
    assert result.exit_code == 2, result.output
    assert "16 of 36 missing" in result_of(elsewhere / "out")["verdict"]["sentence"]


@pytest.mark.slow
def test_copies_that_are_other_originals_are_found_and_not_shown(palms: Path, elsewhere: Path) -> None:
    vendor = elsewhere / "vendor"
    vendor.mkdir()
    files = sorted(palms.iterdir())
    for file, other in zip(files, files[1:] + files[:1], strict=True):
        shutil.copy(other, vendor / file.name)
    result = audit(palms, f"folder:{vendor}", "--output", "out")
    assert "36 another original: the copy is the original of another sample" in result.output
    (engine,) = result_of(elsewhere / "out")["engines"]
    assert {found["finding"]: found["count"] for found in engine["coverage"]}["another original"] == 36
    assert engine["gallery"] == []
    assert not list((elsewhere / "out").rglob("*.webp"))
    assert not list((elsewhere / "out").glob("work*"))


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
def test_audits_that_start_together_share_a_new_store(palms: Path, elsewhere: Path) -> None:
    commands = [
        [sys.executable, "-P", "-m", "deidkit", *command(palms, "mask", "--db", "new.db", "--output", f"out{number}")]
        for number in range(3)
    ]
    running = [subprocess.Popen(c, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for c in commands]
    told = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], told
    listed = CliRunner().invoke(main, ["db", "list", "--db", "new.db", "--json"])
    assert [audit["status"] for audit in json.loads(listed.output)] == ["done"] * 3


@pytest.mark.slow
def test_one_process_at_a_time_goes_on_with_an_audit(palms: Path, elsewhere: Path) -> None:
    given = command(palms, "odd:wait", "--threads", "1", "--db", "s.db")
    first = [sys.executable, "-P", "-m", "deidkit", *given, "--output", "out"]
    process = subprocess.Popen(first, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 100
    while not list(Path().glob("out/work-*/*.stage")) and time.monotonic() < deadline:
        time.sleep(0.01)
    second = CliRunner().invoke(main, [*given, "--resume"])
    assert second.exit_code == 2
    assert "another process is at work on an audit in" in second.output
    third = CliRunner().invoke(main, command(palms, "mask", "--db", "s.db", "--output", "out"))
    assert third.exit_code == 2 and "another process is at work" in third.output
    (running,) = json.loads(CliRunner().invoke(main, ["db", "list", "--db", "s.db", "--json"]).output)
    assert running["status"] == "running"
    removed = CliRunner().invoke(main, ["db", "remove", running["id"], "--db", "s.db"])
    assert removed.exit_code == 2 and "another process is at work" in removed.output
    elsewhere_too = CliRunner().invoke(main, [*given, "--resume", "--output", "other"])
    assert elsewhere_too.exit_code == 2 and "go on without --output" in " ".join(elsewhere_too.output.split())
    Path("go").touch()
    assert process.wait() == 0
    assert result_of(elsewhere / "out")["cells"]
    assert not list(Path("out").glob(".*.lock"))


@pytest.mark.slow
def test_audits_that_start_together_in_one_folder_do_not_lose_a_report(palms: Path, elsewhere: Path) -> None:
    given = [sys.executable, "-P", "-m", "deidkit", *command(palms, "odd:wait", "--threads", "1", "--output", "out")]
    running = [subprocess.Popen(given, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    deadline = time.monotonic() + 100
    while all(process.poll() is None for process in running) and time.monotonic() < deadline:
        time.sleep(0.01)
    Path("go").touch()
    told = {process.communicate()[1]: process.returncode for process in running}
    assert sorted(told.values()) == [0, 2], told
    (refused,) = [" ".join(text.split()) for text, code in told.items() if code == 2]
    assert "another process is at work" in refused or "already holds a report" in refused
    listed = json.loads(CliRunner().invoke(main, ["db", "list", "--json"]).output)
    assert [audit["id"] for audit in listed] == [result_of(elsewhere / "out")["audit_id"]]


@pytest.mark.slow
def test_an_audit_that_ended_meanwhile_is_not_done_again(
    palms: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(palms, "--output", "out")
    take = lock.alone

    @contextmanager
    def late(folder: Path) -> Iterator[None]:
        monkeypatch.setattr(lock, "alone", take)
        assert audit(palms, "odd:stop", "--resume").exit_code == 0  # the other process
        with take(folder):
            yield

    monkeypatch.setattr(lock, "alone", late)
    second = audit(palms, "odd:stop", "--resume")
    assert second.exit_code == 2, second.output
    assert "another process has just ended audit" in second.output


@pytest.mark.slow
def test_an_audit_of_another_place_with_the_same_words_is_not_gone_on_with(
    palms: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = ("--db", elsewhere / "shared.db", "--dataset", "numbered:palms,kind=roi")
    for place in ("here", "there"):
        Path(place).mkdir()
        Path(place, "palms").symlink_to(palms) if place == "there" else shutil.copytree(palms, Path(place, "palms"))
    monkeypatch.chdir("here")
    interrupted(palms, *shared)
    monkeypatch.chdir("../there")
    told = CliRunner().invoke(main, [*command(palms, "odd:stop", *shared, "--resume")])
    assert told.exit_code == 0, told.output
    assert len(list(Path("deidkit-audit").glob("*/report.json"))) == 1
    monkeypatch.chdir("../here")
    assert audit(palms, "odd:stop", *shared, "--resume").exit_code == 0
    (report,) = Path("deidkit-audit").glob("*/report.json")
    component = json.loads(report.read_text())["dataset"]["component"]
    assert component["options"]["root"] == "palms"  # as it was typed


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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (["--db", "postgresql://ann:se:cr@t@host/x"], "--db 'postgresql://ann:***@host/x'"),
        (["--db=postgresql://ann:s%40cr@host/x"], "'--db=postgresql://ann:***@host/x'"),
        (
            ["--db", "postgresql+psycopg://h/x?user=ann&password=s3cr"],
            "'postgresql+psycopg://h/x?password=***&user=ann'",
        ),
        (["--db", "mssql+pyodbc://?odbc_connect=PWD%3Ds3cr"], "odbc_connect=***"),
        (["--db", "postgresql://ann:s3cr@host:port/x"], "'postgresql://***'"),
        (["--db", "plain file.db"], "--db 'plain file.db'"),
        (
            ["--engine", "service:https://host:8443/anon?notify=ops@firm.com"],
            "https://host:8443/anon?notify=ops@firm.com",
        ),
    ],
)
def test_a_password_stays_out_of_what_is_shared_and_nothing_else_is_changed(
    palms: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch, given: list[str], shown: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["deidkit", "audit", *given])
    assert audit(palms, "mask", "--output", "out").exit_code == 0
    told = result_of(elsewhere / "out")["provenance"]["command"]
    assert shown in told
    assert not any(secret in told for secret in ("cr@t", "s%40cr", "s3cr"))


@pytest.mark.slow
def test_a_password_stays_out_of_messages(palms: Path, elsewhere: Path) -> None:
    for url in ("foo://ann:secret@host/x", "foo://host/x?password=secret", "postgresql://ann:secret@host:port/x"):
        refused = audit(palms, "mask", "--db", url)
        assert refused.exit_code == 2 and "secret" not in refused.output


def test_a_defect_never_looks_like_a_failed_requirement(elsewhere: Path) -> None:
    script = "import deidkit.cli.plugins as p, sys; p.plugins.callback = lambda **_: 1 / 0\n"
    script += "from deidkit.cli import main; main(['plugins'])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "ZeroDivisionError" in done.stderr and "please report" in done.stderr


@pytest.mark.slow
def test_what_was_not_met_is_said_on_the_terminal(palms: Path, elsewhere: Path) -> None:
    result = audit(
        palms, "blur", "--require", "ssim >= 2 on point", "--require", "linkage_eer_percent >= 20", "--output", "out"
    )
    assert result.exit_code == 1
    assert "FAIL: 'ssim >= 2 on point', blur: " in result.output
    assert (
        "INCONCLUSIVE: 'linkage_eer_percent >= 20', blur against compcode: the 95 % interval reaches from 0"
        in result.output
    )
