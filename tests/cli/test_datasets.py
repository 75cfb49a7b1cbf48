from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from deidkit import models
from deidkit.cli import main
from deidkit.errors import MissingModel
from deidkit.synthesis import HandGenerator


def write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(zlib.crc32(path.name.encode())).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    path.write_bytes(cv2.imencode(path.suffix.lower(), pixels)[1].tobytes())


@pytest.fixture
def coep(tmp_path: Path) -> Path:
    for subject in ("001", "002", "080"):
        for capture in (1, 2, 3):
            write(tmp_path / "coep" / f"{subject}_IMG__ ({capture}).JPG")
    return tmp_path / "coep"


def call(*arguments: Any) -> Result:
    return CliRunner().invoke(main, ["datasets", *map(str, arguments)])


def report(*arguments: Any) -> dict[str, Any]:
    result = call(*arguments, "--json", "--quiet")
    loaded: dict[str, Any] = json.loads(result.stdout)
    return loaded


def test_list_says_layout_and_source_of_every_adapter() -> None:
    rows = json.loads(call("list", "--json").stdout)
    named = {row["name"]: row for row in rows}
    assert {"iitd", "coep", "tongji", "rest", "ntu-pi", "casia", "11k-hands", "manifest", "folders"} <= set(named)
    assert "Segmented" in named["iitd"]["layout"] and "agreement" in named["iitd"]["source"]
    table = call("list")
    assert table.exit_code == 0 and "coep" in table.stdout


def test_one_is_counted_in_the_singular(tmp_path: Path) -> None:
    for capture in (1, 2, 3):
        write(tmp_path / f"0001_000{capture}.png")
    assert ": 3 samples, 1 subject, 1 identity\n" in call("check", tmp_path).stdout


def test_check_shows_what_was_understood(coep: Path) -> None:
    result = call("check", coep)
    assert result.exit_code == 0, result.output
    assert "coep (coep): 9 samples, 3 subjects, 3 identities" in result.stdout
    assert "001_IMG__ (1).JPG" in result.stdout and "40x30 (9)" in result.stdout
    found = report("check", f"coep:{coep}")
    assert found["samples"] == 9 and found["kinds"] == {"hand": 9} and len(found["examples"]) == 3
    assert found["examples"][-1] == {
        "key": "080_IMG__ (3).JPG", "subject": "080", "hand": None, "session": None, "kind": "hand"
    }  # fmt: skip
    assert found["problem"] is None and len(found["fingerprint"]) == 64


def test_check_shows_what_is_left_out(coep: Path, tmp_path: Path) -> None:
    shutil.copy(coep / "001_IMG__ (1).JPG", coep / "001_IMG__ (4).JPG")
    shutil.copy(coep / "002_IMG__ (1).JPG", coep / "080_IMG__ (4).JPG")
    (coep / "002_IMG__ (5).JPG").touch()
    (coep / "notes.txt").touch()
    text = call("check", coep, "--write-exclusions", tmp_path / "list.csv").stdout
    assert "share a picture: 002 = 080" in text and "probably one hand under two names" in text
    found = report("check", coep)
    assert found["left_out"] == {
        "of an identity that shares a picture with another one": 4,
        "identical to another picture of the same identity": 1,
        "not a picture by its name": 1,
        "unreadable: the file is empty": 1,
    }
    assert found["samples"] == 6 and found["aliases"] == [["002", "080"]]
    again = report("check", coep, "--exclude", tmp_path / "list.csv")
    assert again["fingerprint"] == found["fingerprint"] and again["notes"] == []
    assert again["left_out"] == {"on the exclusion list": 6, "not a picture by its name": 1}


def test_an_unusable_data_set_ends_with_2(tmp_path: Path) -> None:
    write(tmp_path / "coep" / "001_1.jpg")
    result = call("check", tmp_path / "coep")
    assert result.exit_code == 2 and "cannot be audited: 1 usable sample;" in result.stderr
    assert report("check", tmp_path / "coep")["problem"].startswith("1 usable")


@pytest.mark.parametrize(("text", "said"), [("none/", "there is no file or folder"), ("cope", "Did you mean 'coep'?"),
                                            ("coep", "needs its option 'root'")])  # fmt: skip
def test_one_sentence_for_a_mistake(text: str, said: str) -> None:
    result = call("check", text)
    assert result.exit_code == 2 and said in result.stderr and result.stderr.count("\n") == 1


@pytest.mark.slow
def test_the_installed_command(coep: Path) -> None:
    command = [str(Path(sys.executable).with_name("deidkit")), "datasets", "check", str(coep), "--json", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["adapter"] == "coep (coep)" and done.stderr == ""


@pytest.fixture
def hand_models() -> None:
    try:
        models.ensure("hands", lambda sentence: None)
    except MissingModel as error:
        pytest.skip(str(error))


@pytest.mark.slow
def test_check_counts_hands_when_it_decodes(tmp_path: Path, hand_models: None) -> None:
    generator = HandGenerator(11, 240, 320)
    for subject in (1, 2):
        for picture in (1, 2):
            drawn = generator.sample(generator.identity(subject), picture).pixels
            shown = np.hstack([drawn, drawn[:, ::-1]]) if (subject, picture) == (2, 2) else drawn
            path = tmp_path / "set" / str(subject) / f"{picture}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(cv2.imencode(".png", shown[..., ::-1])[1].tobytes())
    write(tmp_path / "set" / "3" / "1.png")
    write(tmp_path / "set" / "3" / "2.png")
    found = report("check", f"folders:{tmp_path / 'set'}", "--decode")
    assert found["hands_per_picture"] == {"0": 2, "1": 3, "2": 1}
    assert found["sides"] == {"palm": 5}
    assert "no hand was found in 2 of 6 pictures." in found["notes"]
    assert "1 of 6 pictures show several hands; all are de-identified." in found["notes"]
    assert "hands_per_picture" not in report("check", f"folders:{tmp_path / 'set'}")


def test_check_says_why_hands_are_not_counted(coep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEIDKIT_MODELS", str(tmp_path / "nowhere"))
    monkeypatch.setattr(models, "ensure", _cannot_be_fetched)
    found = report("check", f"coep:{coep}", "--decode")
    assert found["hands_per_picture"] == {}
    assert "hands were not counted in 9 pictures: the models cannot be fetched." in found["notes"]


def _cannot_be_fetched(*arguments: Any) -> None:
    raise MissingModel("the models cannot be fetched.")


def test_labels_that_the_pictures_contradict_are_listed(tmp_path: Path) -> None:
    """A picture of the first person lies under the third one's name, a little lighter than the one it was copied from."""
    root = tmp_path / "people"
    for person in range(3):
        coarse = np.random.default_rng(person).integers(60, 190, (16, 16), dtype=np.uint8)
        for capture in range(3):
            pixels = cv2.resize(coarse, (128, 128), interpolation=cv2.INTER_CUBIC)
            noisy = pixels + np.random.default_rng(10 * person + capture).normal(0, 6, pixels.shape)
            path = root / f"p{person}" / f"{capture}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(cv2.imencode(".png", np.clip(noisy, 0, 255).astype(np.uint8))[1].tobytes())
    clean = report("check", f"folders:{root},kind=roi", "--recognizer", "compcode")
    assert clean["suspects"] == [] and clean["without_template"] == 0
    moved = cv2.imread(str(root / "p0" / "1.png"), cv2.IMREAD_GRAYSCALE) + 1
    (root / "p2" / "moved.png").write_bytes(cv2.imencode(".png", moved)[1].tobytes())
    first, *_ = report("check", f"folders:{root},kind=roi", "--recognizer", "compcode")["suspects"]
    assert set(first["keys"]) == {"p0/1.png", "p2/moved.png"}
    shown = call("check", f"folders:{root},kind=roi", "--recognizer", "compcode", "--quiet")
    assert shown.exit_code == 0 and "p2/moved.png" in shown.stdout and "contradict" in shown.stdout


@pytest.mark.parametrize("name", ["manifest-leading-zero-mix", "manifest-letter-case-mix"])
def test_manifests_that_split_people(name: str) -> None:
    folder = Path(__file__).resolve().parents[2].parent / "shared" / "cases" / name
    if not folder.is_dir():
        pytest.skip("needs the folder `shared` with cases beside the checkout")
    result = call("check", folder)
    assert result.exit_code == 2 and "differ only by letter case, leading zeros or the like" in result.output


def test_a_recognizer_that_raises_is_named(tmp_path: Path) -> None:
    for name in ("0001_0001", "0001_0002", "0002_0003"):
        noise = np.random.default_rng(int(name[-1])).integers(0, 256, (128, 128), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / f"{name}.png"), noise)
    (tmp_path / "matcher.py").write_text(
        "class Raises:\n"
        '    """Raises."""\n'
        '    version, input, score_range = "1", "roi", (0.0, 1.0)\n'
        "    def extract(self, images):\n"
        '        raise RuntimeError("no GPU")\n'
        "    def compare(self, probes, references):\n"
        "        return None\n"
    )
    data = f"numbered:{tmp_path},kind=roi"
    result = call("check", data, "--recognizer", f"{tmp_path / 'matcher.py'}:Raises", "--quiet")
    assert result.exit_code == 2 and "Traceback" not in result.output
    assert "raised RuntimeError('no GPU') when asked for its template" in " ".join(result.stderr.split())


@pytest.mark.slow
def test_palm_regions_taken_for_hands_are_named_as_such(tmp_path: Path) -> None:
    for number in range(4):
        noise = np.random.default_rng(number).integers(0, 256, (300, 400), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / f"{number // 2:04}_{number % 2:04}.png"), noise)
    command = ["audit", "--dataset", f"numbered:{tmp_path},kind=hand", "--engine", "mask", "--recognizer", "palmcode"]
    result = CliRunner().invoke(
        main, [*command, "--quiet", "--db", str(tmp_path / "s.db"), "--output", str(tmp_path / "o")]
    )
    assert result.exit_code == 2
    assert "no hand found" in result.output and "say kind=roi" in result.output
