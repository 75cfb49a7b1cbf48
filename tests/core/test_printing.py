from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from deidkit.cli import main
from deidkit.printing import printable


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
