"""An audit of the diffusion engine that is killed and goes on ends with the numbers of one that was not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

for _needed in ("torch", "diffusers", "transformers"):
    pytest.importorskip(_needed, reason="needs the extra 'diffusion': pip install '.[diffusion]'")
from click.testing import CliRunner

from deidkit.cli import main
from deidkit.result import AuditResult


@pytest.mark.slow
def test_resumed_equals_uninterrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at_work: Callable[..., None]
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = [
        "audit", "--dataset", "synthetic:3,pictures=2,width=150,height=200", "--engine",
        "diffusion:palm-tiny,steps=2", "--recognizer", "compcode", "--seeds", "2",
        "--threads", "1", "--format", "json", "--quiet",
    ]  # fmt: skip
    folder = tmp_path / "killed"
    killed_at_work([*arguments, "--db", "killed.db", "--output", "killed"], folder, 1)
    (work,) = folder.glob("work-*")
    kept = {file.name: file.stat().st_mtime_ns for file in folder.glob("work-*/*.stage")}
    resumed = CliRunner().invoke(main, [*arguments, "--db", "killed.db", "--resume", "--work", str(work)])
    assert resumed.exit_code == 0, resumed.output
    assert {name: (work / name).stat().st_mtime_ns for name in kept} == kept, "what was done was done again"
    assert len(list(work.glob("*.stage"))) > len(kept)
    whole = CliRunner().invoke(main, [*arguments, "--db", "whole.db", "--output", "whole"])
    assert whole.exit_code == 0, whole.output
    one, other = (
        msgspec.json.decode((tmp_path / name / "report.json").read_bytes(), type=AuditResult)
        for name in ("killed", "whole")
    )
    assert one.cells == other.cells
    assert [engine.quality for engine in one.engines] == [engine.quality for engine in other.engines]
    assert [engine.usability for engine in one.engines] == [engine.usability for engine in other.engines]
