"""``deidkit ablate``: mistakes on its command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from deidkit.cli import main


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(main, ["ablate", "--quiet", *arguments])
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit), result.exception
    return result.output


def test_it_is_listed_and_its_own_options_come_first() -> None:
    assert "ablate" in CliRunner().invoke(main, ["--help"]).output
    text = CliRunner().invoke(main, ["ablate", "--help"]).output
    assert text.index("--vary") < text.index("--grid") < text.index("--dataset")
    assert "--require" not in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--engine", "blur"], "no published grid: say what to vary, e.g. --vary sigma=VALUE,VALUE"),
        (["--engine", "blur", "--vary", "sigma"], "OPTION=VALUE,VALUE"),
        (["--engine", "blur", "--vary", "sigma=1", "--grid", "grid.toml"], "either --vary or --grid"),
        (["--engine", "blur", "--grid", "nothing.toml"], "cannot be read"),
        (["--engine", "blur", "--vary", "block=1"], "no option 'block'"),
        (["--engine", "blur", "--vary", "sigma=1", "--compare", "blurr"], "Did you mean 'blur'"),
        (["--engine", "blur", "--vary", "sigma=1", "--recognizer", "mtc"], "Did you mean 'mtcc'"),
    ],
)
def test_a_mistake_is_one_sentence(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in refused(*arguments)
    assert list(tmp_path.iterdir()) == []  # nothing was begun
