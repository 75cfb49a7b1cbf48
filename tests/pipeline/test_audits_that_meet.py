"""Audits that run at the same time in one folder or one score store."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from deidkit.cli import main
from deidkit.pipeline import lock

from .misbehaving import audit, command, interrupted, result_of

pytestmark = pytest.mark.usefixtures("odd")


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
    assert "another process is running an audit in" in second.output
    third = CliRunner().invoke(main, command(palms, "mask", "--db", "s.db", "--output", "out"))
    assert third.exit_code == 2 and "another process is running an audit" in third.output
    (running,) = json.loads(CliRunner().invoke(main, ["db", "list", "--db", "s.db", "--json"]).output)
    assert running["status"] == "running"
    removed = CliRunner().invoke(main, ["db", "remove", running["id"], "--db", "s.db"])
    assert removed.exit_code == 2 and "another process is running an audit" in removed.output
    elsewhere_too = CliRunner().invoke(main, [*given, "--resume", "--output", "other"])
    assert elsewhere_too.exit_code == 2 and "resume it without --output" in " ".join(elsewhere_too.output.split())
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
    assert "another process is running an audit" in refused or "already holds a report" in refused
    listed = json.loads(CliRunner().invoke(main, ["db", "list", "--json"]).output)
    assert [audit["id"] for audit in listed] == [result_of(elsewhere / "out")["audit_id"]]


@pytest.mark.slow
def test_an_audit_that_ended_meanwhile_is_not_done_again(
    palms: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(palms, "--output", "out")
    take = lock.exclusive

    @contextmanager
    def late(folder: Path) -> Iterator[None]:
        monkeypatch.setattr(lock, "exclusive", take)
        assert audit(palms, "odd:stop", "--resume").exit_code == 0  # the other process
        with take(folder):
            yield

    monkeypatch.setattr(lock, "exclusive", late)
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
