"""An audit that is done is not done again, and what shows originals is for its user alone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from deidkit.cli import main


def audit(palms: Path, *more: str) -> Result:
    command = ["audit", "--dataset", f"numbered:{palms},kind=roi", "--engine", "mask", "--recognizer", "compcode"]
    return CliRunner().invoke(main, [*command, "--quiet", "--db", "s.db", *more])


def modes(folder: Path) -> set[int]:
    return {stat.S_IMODE(file.stat().st_mode) for file in folder.rglob("*") if file.is_file()}


@pytest.mark.slow
def test_resuming_a_finished_audit_says_so_and_does_nothing(palms: Path, elsewhere: Path) -> None:
    first = audit(palms, "--output", "out")
    assert first.exit_code == 0, first.output
    written = Path("out/report.json").stat().st_mtime_ns
    again = audit(palms, "--output", "out", "--resume")
    assert again.exit_code == 0, again.output
    assert "with these options is finished" in again.stderr and "report:" in again.stdout
    assert Path("out/report.json").stat().st_mtime_ns == written
    other = audit(palms, "--output", "other", "--resume")
    assert other.exit_code == 0 and "starting a new one" in other.stderr
    assert Path("other/report.json").exists()


@pytest.mark.slow
def test_a_finished_audit_that_failed_fails_when_it_is_resumed(palms: Path, elsewhere: Path) -> None:
    failing = ["--require", "DIR >= 1000", "--output", "out"]
    assert audit(palms, *failing).exit_code == 1
    again = audit(palms, *failing, "--resume")
    assert again.exit_code == 1, again.output
    assert "its verdict was FAIL" in again.stderr and "verdict: FAIL" in again.stdout


@pytest.mark.slow
def test_what_shows_originals_is_readable_by_its_user_alone(palms: Path, elsewhere: Path) -> None:
    Path("out").mkdir(mode=0o755)
    assert audit(palms, "--output", "out", "--include-originals").exit_code == 0
    assert modes(Path("out")) == {0o600}
    for folder in (Path("out"), Path("out/gallery")):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    again = CliRunner().invoke(main, ["report", "latest", "--db", "s.db", "--output", "again", "--format", "html"])
    assert again.exit_code == 0, again.output
    assert modes(Path("again")) == {0o600} and stat.S_IMODE(Path("again").stat().st_mode) == 0o700
    assert audit(palms, "--output", "open").exit_code == 0
    assert modes(Path("open")) != {0o600}
