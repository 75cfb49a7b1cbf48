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

from deidkit.cli import main


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
    assert result.exit_code == 2 and "cannot be audited: 1 usable samples" in result.stderr
    assert report("check", tmp_path / "coep")["problem"].startswith("1 usable")


@pytest.mark.parametrize(("text", "said"), [("none/", "there is no file or folder"), ("cope", "Did you mean 'coep'?"),
                                            ("coep", "needs its option 'root'")])  # fmt: skip
def test_one_sentence_for_a_mistake(text: str, said: str) -> None:
    result = call("check", text)
    assert result.exit_code == 2 and said in result.stderr and result.stderr.count("\n") == 1


def test_the_installed_command(coep: Path) -> None:
    command = [str(Path(sys.executable).with_name("deidkit")), "datasets", "check", str(coep), "--json", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["adapter"] == "coep (coep)" and done.stderr == ""
