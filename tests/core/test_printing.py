from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from deidkit.cli import main
from deidkit.printing import printable, printable_json


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Hand 1 é 掌.png", "Hand 1 é 掌.png"),
        ("a\x1b[2Jb", r"a\x1b[2Jb"),
        ("a\x9b31mb\x07", r"a\x9b31mb\x07"),
        ("gnp\u202e.exe", r"gnp\u202e.exe"),
        ("a\rb\nc\td", "a\\rb\nc\td"),
        ("\udcff", r"\udcff"),
    ],
)
def test_control_characters_are_shown(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_files_name_cannot_steer_the_terminal(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((40, 40), np.uint8))
    (tmp_path / "a.png").rename(tmp_path / "a\x1b[2J\x1b]0;owned\x07.png")
    done = CliRunner().invoke(main, ["deidentify", str(tmp_path), str(tmp_path / "out"), "--engine", "mask"])
    assert done.exit_code == 2
    assert "\x1b" not in done.output and r"a\x1b[2J\x1b]0;owned\x07.png: " in done.output
    checked = CliRunner().invoke(main, ["datasets", "check", str(tmp_path), "--json"])
    assert "\x1b" not in checked.output
    if checked.stdout:
        json.loads(checked.stdout)


def test_json_is_shown_with_its_own_escapes() -> None:
    value = {"a\x1b": "\x9b31m \u202e \x7f \U000e0001 \n\t é掌"}
    shown = printable_json(json.dumps(value, indent=2, ensure_ascii=False))
    assert json.loads(shown) == value
    assert "\\u009b31m \\u202e \\u007f \\udb40\\udc01 \\n\\t é掌" in shown
    assert json.loads(printable_json('"\udcff"')) == "\udcff"


@pytest.mark.parametrize(
    "words", [["metrics", "a\x1b[2J.csv", "b\x1b[2J.csv"], ["metrics", "--rub\x1b[2J"], ["rub\x1b[2J"]]
)
def test_mistakes_are_quoted_without_control_characters(words: list[str]) -> None:
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2
    assert "\x1b" not in done.output and "\\x1b[2J" in done.output


def test_names_that_are_no_text_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = CliRunner().invoke(main, ["datasets", "check", "folders:a\udcff"])
    assert done.exit_code == 2 and done.output == "Error: folders:a\\udcff is not valid Unicode; rename it.\n"
    try:
        (folder := tmp_path / "\udcff").mkdir()
    except OSError:
        pytest.skip("this file system has no such names")
    monkeypatch.chdir(folder)
    done = CliRunner().invoke(main, ["db", "list"])
    assert done.exit_code == 2 and "the working directory" in done.output


def test_a_working_directory_that_is_gone_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder := tmp_path / "gone").mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    done = CliRunner().invoke(main, ["db", "list"])
    assert done.exit_code == 2 and done.output == "Error: the working directory no longer exists; change to another.\n"
