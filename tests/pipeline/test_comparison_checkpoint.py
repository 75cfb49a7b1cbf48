"""A comparison that is killed goes on from its last checkpoint, and finds the same."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from deidkit.cli import main
from deidkit.comparison import (
    Comparison,
    ComparisonSettings,
    PairScores,
    Templates,
    all_pairs,
    checkpoints,
    compare_all,
    layout,
    part_runner,
)
from deidkit.pipeline.cluster.comparisons import PartArrays
from deidkit.pipeline.comparison_checkpoint import ComparisonCheckpoint
from deidkit.pipeline.workspace import Workspace
from deidkit.result import Component


class Distance:
    """Distance of points on a line; ends the process, as `kill -9` does, in the midst of its work if it is told to."""

    version, input, score_range = "1", "roi", (0.0, 1.0)

    def __init__(self, dies_after: int | None = None) -> None:
        self.compared, self.dies_after = 0, dies_after

    def compare(self, probes, references):
        self.compared += 1
        if self.compared == self.dies_after:
            raise KeyboardInterrupt
        return np.abs(probes[:, :1] - references[:, 0]).astype(np.float64)


def some_templates(seed: int) -> Templates:
    rng = np.random.default_rng(seed)
    identities = rng.integers(0, 30, 200).astype(np.int32)
    return Templates(rng.random((200, 1)), identities, identities // 2, np.arange(200, dtype=np.int32))


def component(version: str = "1") -> Component:
    return Component(
        kind="recognizer", name="distance", label="distance", version=version, distribution="", options={}, weights={}
    )


def contents(pairs: PairScores) -> list[np.ndarray]:
    found = []
    for scores in (pairs.same_source, pairs.same_identity, pairs.different_identity):
        found += [np.asarray(getattr(scores, field.name)) for field in fields(scores)]
    for search in filter(None, (pairs.identification_with_source, pairs.identification_without_source)):
        found += [search.better, search.ties]
    return found


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "EVERY", 0.0)
    monkeypatch.setattr(all_pairs, "PROBES", 7)
    monkeypatch.setattr(all_pairs, "REFERENCES", 11)
    monkeypatch.setattr(layout, "OWN_ROWS", 7)


@pytest.mark.parametrize("max_scores", [0, 10**6])
@pytest.mark.parametrize("against", [False, True])
def test_an_interrupted_comparison_goes_on_and_finds_the_same(tmp_path: Path, max_scores: int, against: bool) -> None:
    sets = [some_templates(1)]
    if against:
        copies = some_templates(2)
        labels = (sets[0].identities, sets[0].subjects, sets[0].sources)
        sets.append(Templates(copies.data, *labels))
    under_way = ComparisonCheckpoint(Workspace(tmp_path), component(), *sets, settings=True)
    whole = Distance()
    wanted = contents(compare_all(whole, *sets, settings=ComparisonSettings(max_scores), threads=2))
    settings = ComparisonSettings(max_scores, under_way)
    for dies_after in (90, 120, 60):
        with pytest.raises(KeyboardInterrupt):
            compare_all(Distance(dies_after), *sets, settings=settings, threads=2)
    assert under_way.load() is not None
    last = Distance()
    found = contents(compare_all(last, *sets, settings=settings, threads=3))
    assert last.compared < whole.compared, "what was compared was not compared again"
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)
    again = Distance()
    compare_all(again, *sets, settings=settings)
    assert again.compared < 90, "nothing is left but the distances to the own identities"


def test_a_checkpoint_is_of_the_very_same_comparison(tmp_path: Path) -> None:
    workspace, templates, other = Workspace(tmp_path), some_templates(1), some_templates(2)
    kept = ComparisonCheckpoint(workspace, component(), templates, settings=True)
    compare_all(Distance(), templates, settings=ComparisonSettings(checkpoints=kept))
    assert kept.load() is not None
    for different in (
        ComparisonCheckpoint(workspace, component(), other, settings=True),
        ComparisonCheckpoint(workspace, component(), templates, settings=False),
        ComparisonCheckpoint(workspace, component(), templates, templates, settings=True),
        ComparisonCheckpoint(workspace, component("2"), templates, settings=True),
    ):
        assert different.load() is None
    for file in tmp_path.iterdir():
        file.write_bytes(file.read_bytes()[:-9])
    assert kept.load() is None, "a damaged checkpoint counts as none"


class Others:
    """Stands for other processes: makes the parts one by one, last first, from what it is given and from files."""

    def __init__(self, sets: list[Templates], folder: Path, settings: ComparisonSettings) -> None:
        self.sets, self.workspace, self.settings, self.parts = sets, Workspace(folder), settings, 0

    def compare(self, rows, wanted, parts, take):
        settings = ComparisonSettings(self.settings.max_scores, pairs=self.settings.pairs, rows=rows)
        references = self.sets[1] if len(self.sets) > 1 else None
        theirs = Comparison.of(Distance(), self.sets[0], references, identify=wanted is not None, settings=settings)
        for part in reversed(parts):
            self.workspace.save(str(part.start), theirs.again().part(part, wanted))
            take(part, self.workspace.load(str(part.start), PartArrays))
            self.parts += 1


@pytest.mark.parametrize("pairs", [None, 8_000])
@pytest.mark.parametrize("max_scores", [0, 500, 10**6])
@pytest.mark.parametrize("against", [False, True])
def test_a_comparison_that_others_make_in_parts_finds_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, max_scores: int, against: bool, pairs: int | None
) -> None:
    monkeypatch.setattr(part_runner, "PART_SCORES", 1_500)
    sets = [some_templates(1)]
    if against:
        sets.append(Templates(some_templates(2).data, sets[0].identities, sets[0].subjects, sets[0].sources))
    settings = ComparisonSettings(max_scores, pairs=pairs)
    whole = compare_all(Distance(), *sets, settings=settings, threads=2)
    others = Others(sets, tmp_path, settings)
    together = compare_all(Distance(), *sets, settings=replace(settings, part_runner=others))
    assert others.parts > 1
    assert np.array_equal(whole.different_identity.subjects, together.different_identity.subjects)
    for one, other in zip(contents(together), contents(whole), strict=True):
        np.testing.assert_array_equal(one, other)


RECOGNIZER = """
import os, pathlib, signal
import numpy as np

class Slow:
    version, input, thread_safe, score_range = "1", "roi", True, (0.0, 1.0)

    def extract(self, images):
        return np.stack([image.mean(axis=0) / 255 for image in images])

    def compare(self, probes, references):
        with open("compared", "a") as done:
            done.write("x")
        if not pathlib.Path("go").exists() and os.path.getsize("compared") > 150:
            os.kill(os.getpid(), signal.SIGKILL)
        return np.abs(probes[:, None] - references).mean(axis=2)
"""

START = """
from deidkit.comparison import all_pairs, checkpoints, layout
all_pairs.PROBES, all_pairs.REFERENCES, layout.OWN_ROWS, checkpoints.EVERY = 4, 4, 4, 0.0
from deidkit.cli import main
main()
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of another kind")
def test_an_audit_that_is_killed_in_its_comparison_goes_on_with_it(palms: Path, elsewhere: Path) -> None:
    (elsewhere / "slow.py").write_text(RECOGNIZER)
    command = ["audit", "--dataset", f"numbered:{palms},kind=roi", "--engine", "blur", "--recognizer", "./slow.py:Slow"]
    command += ["--format", "json", "--threads", "2", "--attack", "none"]

    def run(*more: str) -> int:
        return subprocess.run([sys.executable, "-P", "-c", START, *command, *more], capture_output=True).returncode

    def compared() -> int:
        calls = Path("compared").stat().st_size
        Path("compared").unlink()
        return calls

    assert run("--db", "k.db", "--output", "killed") == -signal.SIGKILL
    (listed,) = json.loads(CliRunner().invoke(main, ["db", "list", "--db", "k.db", "--json"]).output)
    assert listed["status"] == "interrupted", "though it could not say so itself"
    before = compared()
    Path("go").touch()
    assert run("--db", "k.db", "--resume") == 0
    resumed = compared()
    assert run("--db", "w.db", "--output", "whole") == 0
    whole = compared()
    assert resumed < whole < before + resumed + 60
    reports = [json.loads(Path(folder, "report.json").read_text()) for folder in ("killed", "whole")]
    for part in ("recognizers", "cells", "verdict"):
        assert reports[0][part] == reports[1][part]
