"""Copies made by the workers of a cluster, for `deidkit deidentify`."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from ..commands import run
from .clusters import kill_at_work, running, started

pytest.importorskip("distributed", reason="Dask is not installed")


def copied(source: Path, engine: str, target: Path, *more: str) -> list[str]:
    return ["deidentify", str(source), str(target), "--engine", engine, "--kind", "roi", *more]


@pytest.mark.nightly
def test_copies_made_by_workers_are_those_of_one_machine_though_one_worker_is_killed(
    palms: Path, engine: str, tmp_path: Path
) -> None:
    code, told = run(*copied(palms, engine, tmp_path / "alone", "--threads", "1"))
    assert code == 0, told
    calls = tmp_path / "calls"
    calls.unlink()
    with running(tmp_path, workers=3) as cluster:
        arguments = copied(palms, engine, tmp_path / "together", "--cluster", cluster.address, "--json")
        work = started(arguments)
        kill_at_work(cluster, calls)
        printed, told = work.communicate(timeout=300)
    assert work.returncode == 0, told
    assert "is lost; its tasks are repeated elsewhere" in told
    alone, together = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in (
        tmp_path / "alone", tmp_path / "together",
    ))  # fmt: skip
    assert alone == together
    done = msgspec.json.decode(printed)
    assert (done["written"], done["already_there"], done["failed"]) == (len(list(palms.iterdir())), 0, [])


@pytest.mark.nightly
def test_a_worker_that_sees_other_folders_makes_no_copies(palms: Path, engine: str, tmp_path: Path) -> None:
    hidden = "import sys; from pathlib import Path; Path.is_file = lambda path, real=Path.is_file: (\n"
    hidden += "    False if path.suffix == '.png' else real(path))\n"
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(hidden)
    with running(tmp_path, workers=1, environment={"PYTHONPATH": str(tmp_path / "site")}) as cluster:
        code, told = run(*copied(palms, engine, tmp_path / "out", "--cluster", cluster.address))
    assert code == 2
    assert f"it cannot read the pictures in {palms}; name a folder that all machines share" in told
    assert not (tmp_path / "calls").exists()


def test_copies_are_made_on_no_cluster_that_is_none(palms: Path, tmp_path: Path) -> None:
    code, told = run(*copied(palms, "blur", tmp_path / "out", "--cluster", "three"))
    assert code == 2
    assert "--cluster three names no cluster" in told
    assert not (tmp_path / "out").exists()
