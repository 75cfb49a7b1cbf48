"""A data set or an engine that changes between two runs: what is kept is used for what it was made of, or not at all."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner

from deidkit.cli import main

PLUGINS = '''
from dataclasses import dataclass
from pathlib import Path
from deidkit.protocols import option

class Blind:
    """Finds no hand."""
    version = "1"

    def detect(self, image):
        return []

@dataclass(frozen=True)
class Stamped:
    """Turns pictures round; its model is a file, and where that says "old" it breaks at the audit's end."""
    model: Path = option(help="File", primary=True)
    version = "1"
    deterministic, diverse, batch_size, control = True, False, 4, False

    def weight_files(self):
        return {"model": self.model}

    def deidentify(self, images, seeds):
        import numpy as np
        noise = lambda image: np.random.default_rng(int(image.pixels.sum())).integers(0, 256, image.pixels.shape, np.uint8)
        return [[noise(image)] for image in images]

    def coverage(self, samples):
        if self.model.read_text() == "old":
            raise RuntimeError("old")
        return []

@dataclass(frozen=True)
class Fleeting(Stamped):
    """As Stamped, but its copies serve no other audit; writes down how often it was asked."""
    reusable = False

    def weight_files(self):
        return {}

    def deidentify(self, images, seeds):
        with open("asked", "a") as file:
            file.write("x" * len(images))
        return super().deidentify(images, seeds)
'''


@pytest.fixture(autouse=True)
def installed(install: Callable[..., Path]) -> None:
    install(
        "changing",
        PLUGINS,
        "[deidkit.hand_analyzers]\nblind = changing:Blind\n"
        "[deidkit.engines]\nstamped = changing:Stamped\nfleeting = changing:Fleeting\n",
    )


@pytest.fixture
def growing(palms: Path, elsewhere: Path) -> Path:
    """A data set of its own, to which pictures can be added."""
    return Path(shutil.copytree(palms, elsewhere / "growing"))


def grow(folder: Path) -> None:
    """As many new pictures as a batch holds, whose names come before all others."""
    for number, file in enumerate(sorted(folder.iterdir())[:8], start=1):
        cv2.imwrite(str(folder / f"0000_{number:04d}.png"), cv2.rotate(cv2.imread(str(file)), cv2.ROTATE_180))


def command(folder: Path, *more: object, kind: str = "roi") -> list[str]:
    dataset = f"numbered:{folder},kind={kind}"
    fixed = ["audit", "--dataset", dataset, "--recognizer", "compcode", "--format", "json"]
    return [*fixed, "--quiet", *map(str, more)]


def audit(folder: Path, *more: object, kind: str = "roi", code: int = 0) -> str:
    result = CliRunner().invoke(main, command(folder, *more, kind=kind))
    assert result.exit_code == code, result.output
    return result.output


def found(folder: str) -> tuple[object, ...]:
    """All that an audit measured."""
    report = json.loads(Path(folder, "report.json").read_text())
    engines = [(e["produced"], e["expected"], e["coverage"], e["quality"], e["usability"]) for e in report["engines"]]
    return report["dataset"]["fingerprint"], report["recognizers"], report["cells"], engines, report["failures"]


@pytest.mark.slow
def test_pictures_that_are_added_do_not_shift_what_was_kept(growing: Path) -> None:
    audit(growing, "--engine", "blur", "--work", "kept", "--output", "before")
    grow(growing)
    audit(growing, "--engine", "blur", "--work", "kept", "--output", "with")
    audit(growing, "--engine", "blur", "--output", "without")
    assert found("with") == found("without")
    assert found("with")[0] != found("before")[0]


@pytest.mark.slow
def test_pictures_that_are_left_out_do_not_shift_what_was_kept(growing: Path, elsewhere: Path) -> None:
    audit(growing, "--engine", "blur", "--work", "kept", "--output", "before")
    names = [file.name for file in sorted(growing.iterdir())[:8]]
    (elsewhere / "bad.csv").write_text("key\n" + "\n".join(names) + "\n")
    audit(growing, "--engine", "blur", "--exclude", "bad.csv", "--work", "kept", "--output", "with")
    audit(growing, "--engine", "blur", "--exclude", "bad.csv", "--output", "without")
    assert found("with") == found("without")


@pytest.mark.slow
def test_a_palm_region_is_not_taken_for_the_hand_of_the_same_bytes(growing: Path) -> None:
    given = ("--engine", "mask", "--analyzer", "blind")
    audit(growing, *given, "--work", "regions", "--output", "a")
    told = audit(growing, *given, "--work", "regions", "--output", "b", kind="hand", code=2)
    assert "compcode extracted no template from any original: hand: no hand found (36)" in told
    audit(growing, *given, "--work", "hands", "--output", "c", kind="hand", code=2)
    audit(growing, *given, "--work", "hands", "--output", "d")
    assert found("d") == found("a")


@pytest.mark.slow
def test_an_audit_goes_on_with_a_grown_data_set_as_if_it_had_begun_with_it(
    growing: Path, elsewhere: Path, killed_at_work: Callable[..., None]
) -> None:
    given = command(growing, "--engine", "blur", "--engine", "mask", "--threads", "1")
    first = [*given, "--recognizer", "edm", "--db", "s.db", "--output", "killed"]
    killed_at_work(first, elsewhere / "killed", 6)
    grow(growing)
    told = CliRunner().invoke(main, [*given, "--recognizer", "edm", "--db", "s.db", "--resume"])
    assert told.exit_code == 0, told.output
    assert CliRunner().invoke(main, [*given, "--recognizer", "edm", "--output", "fresh"]).exit_code == 0
    assert found("killed") == found("fresh")


@pytest.mark.slow
def test_scores_of_an_engine_that_has_changed_do_not_stay_beside_the_new_ones(growing: Path, elsewhere: Path) -> None:
    (elsewhere / "model").write_text("old")
    given = ("--engine", "stamped:model", "--db", "s.db")
    told = audit(growing, *given, "--output", "out", code=2)
    assert "of changing 1.0 raised RuntimeError('old') when asked for its coverage; report it to its authors" in told
    (elsewhere / "model").write_text("new")
    audit(growing, *given, "--resume")
    with closing(sqlite3.connect("s.db")) as store:
        kinds = store.execute("SELECT kind, engine_id FROM score_set").fetchall()
        assert store.execute("SELECT count(DISTINCT audit_id) FROM score_set").fetchone() == (1,)
    assert len(kinds) == len({kind for kind, _ in kinds}) == 7, kinds


@pytest.mark.slow
def test_copies_of_what_can_change_unseen_serve_the_audit_that_made_them_only(growing: Path, elsewhere: Path) -> None:
    (elsewhere / "model").write_text("old")
    given = ("--engine", "fleeting:model", "--db", "s.db", "--work", "kept")
    audit(growing, *given, "--output", "out", code=2)
    (elsewhere / "model").write_text("new")
    audit(growing, *given, "--resume")
    assert (elsewhere / "asked").read_text() == "x" * 36, "the same audit went on with what it had"
    audit(growing, *given, "--output", "another")
    assert (elsewhere / "asked").read_text() == "x" * 72
    kept = {file.name for file in (elsewhere / "kept").glob("*.stage")}
    audit(growing, *given[:2], "--work", "originals", "--output", "third")
    assert kept == {file.name for file in (elsewhere / "originals").glob("*.stage")} and len(kept) == 10


@pytest.mark.slow
def test_a_program_whose_inside_has_changed_is_run_again(growing: Path, elsewhere: Path) -> None:
    (elsewhere / "tool.py").write_text(
        "import sys\nfrom PIL import Image, ImageFilter\nfrom inside import radius\n"
        "Image.open(sys.argv[1]).filter(ImageFilter.GaussianBlur(radius)).save(sys.argv[2])\n"
    )
    engine = f"program:'{sys.executable}' -B tool.py {{input}} {{output}}"
    for file in sorted(growing.iterdir())[6:]:
        file.unlink()
    for radius in (8, 16):
        (elsewhere / "inside.py").write_text(f"radius = {radius}\n")
        audit(growing, "--engine", engine, "--work", "kept", "--output", f"kept-{radius}")
    audit(growing, "--engine", engine, "--output", "fresh")
    assert found("kept-16") == found("fresh") != found("kept-8")
