from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from deidkit.cli import main
from deidkit.datasets import detect
from deidkit.datasets.manifest import Manifest
from deidkit.datasets.synthetic import Synthetic
from deidkit.images import read_image


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["synthesize", *map(str, arguments), "--quiet"])


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synthesized") / "drawn hands"
    done = run(folder, "--subjects", 2, "--samples", 2, "--truth", "--threads", 2)
    assert done.exit_code == 0, done.output
    assert (
        done.output.startswith("4 pictures") and f"deidkit audit --dataset '{folder}' --engine identity" in done.output
    )
    return folder


@pytest.mark.slow
def test_pictures_are_those_of_the_data_set(written: Path) -> None:
    dataset = Synthetic(2, 2, seed=1)
    files = ["0001_0001.png", "0001_0002.png", "0002_0001.png", "0002_0002.png"]
    for name, sample in zip(files, dataset.samples(), strict=True):
        assert np.array_equal(read_image(written / name), dataset.read(sample))
    assert names(written) == sorted([
        *files, "manifest.csv", "recipe.json", "truth/keypoints.jsonl",
        *(f"truth/{Path(name).stem}_mask.png" for name in files),
    ])  # fmt: skip


def test_manifest_and_truth(written: Path) -> None:
    dataset = Synthetic(2, 2, seed=1)
    rows = list(csv.DictReader((written / "manifest.csv").read_text(encoding="utf-8").splitlines()))
    lines = [json.loads(line) for line in (written / "truth/keypoints.jsonl").read_text().splitlines()]
    for row, line, sample in zip(rows, lines, dataset.samples(), strict=True):
        truth = dataset.truth(sample)
        assert row == {
            "path": line["path"],
            "subject": sample.subject,
            "hand": sample.hand,
            "session": "",
            "kind": "hand",
        }
        assert np.allclose(line["keypoints"], truth.keypoints, atol=1e-3)
        assert np.allclose(line["roi_corners"], truth.roi_corners, atol=1e-3)
        assert np.array_equal(read_image(written / line["mask"])[..., 0] > 0, truth.mask)


def test_the_folder_is_a_data_set(written: Path) -> None:
    assert detect(written) == "manifest"
    samples = list(Manifest(written).samples())
    assert [sample.hand for sample in samples] == ["left", "left", "right", "right"]
    assert len({sample.identity for sample in samples}) == 2


def test_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    arguments = (tmp_path / "hands", "--subjects", 2, "--samples", 1, "--format", "jpg")
    assert run(*arguments).exit_code == 0
    kept, cut, gone = (tmp_path / "hands" / name for name in ("0001_0001.jpg", "0002_0001.jpg", "manifest.csv"))
    before = {path: path.read_bytes() for path in (kept, cut, gone)}
    cut.write_bytes(before[cut][:1000])
    gone.unlink()
    stamp = kept.stat().st_mtime_ns
    assert run(*arguments).exit_code == 0
    assert {path: path.read_bytes() for path in before} == before
    assert kept.stat().st_mtime_ns == stamp, "a whole picture is not written again"


def test_it_adds_but_never_mixes_or_shrinks(tmp_path: Path) -> None:
    folder = tmp_path / "hands"
    assert run(folder, "--subjects", 1, "--samples", 1).exit_code == 0
    assert run(folder, "--subjects", 2, "--samples", 1, "--truth").exit_code == 0
    assert len((folder / "truth/keypoints.jsonl").read_text().splitlines()) == 2
    before = names(folder)
    for arguments, said in [
        (["--seed", 3], "other settings: seed 1 (asked for: 3)"),
        (["--hands", "both"], "hands one (asked for: both)"),
        (["--format", "jpg"], "format png (asked for: jpg)"),
        (["--subjects", 1], "already has 2 subjects"),
    ]:
        refused = run(folder, *arguments)
        assert refused.exit_code == 2 and said in refused.output
    assert names(folder) == before


def test_folders_with_other_things_are_refused(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"mine")
    refused = run(tmp_path)
    assert refused.exit_code == 2 and "not empty" in refused.output
    assert names(tmp_path) == ["holiday.jpg"]
    (tmp_path / "recipe.json").write_text("not json")
    assert "damaged" in run(tmp_path).output


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused = run(tmp_path / "file" / "hands")
    assert refused.exit_code == 2 and "cannot be written" in refused.output and "Traceback" not in refused.output
