"""``deidkit doctor`` says what is there, what is missing and what would help; it changes nothing."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from click.testing import CliRunner

from deidkit import __version__
from deidkit.cli import main
from deidkit.models import installed


def found() -> tuple[int, dict[str, dict[str, str]]]:
    done = CliRunner().invoke(main, ["doctor", "--json"])
    return done.exit_code, {one["what"]: one for one in json.loads(done.stdout)}


def test_it_names_the_version_the_models_and_the_extras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEIDKIT_MODELS", str(tmp_path / "models"))
    code, all_of_it = found()
    assert code == 0, all_of_it
    assert all_of_it["deidkit"]["about"].startswith(__version__)
    for model in installed():
        assert all_of_it[f"model {model.name}"]["remedy"] == f"deidkit models fetch {model.name}"
    assert {"extra service", "extra deep", "extra cluster"} <= {*all_of_it} and "extra test" not in all_of_it
    assert not (tmp_path / "models").exists()


def test_what_is_missing_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name in ("fastapi", "uvicorn"):
            raise PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr("importlib.metadata.version", version)
    code, all_of_it = found()
    assert code == 0, "an audit needs no service"
    assert all_of_it["extra service"]["remedy"].startswith("pip install 'fastapi>=")
    assert "'uvicorn>=" in all_of_it["extra service"]["remedy"]


def test_what_is_broken_decides_the_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hands").mkdir()
    for model in installed():
        if model.name == "hands":
            for file in model.files:
                (tmp_path / "hands" / file.name).write_bytes(b"half")
    monkeypatch.setenv("DEIDKIT_MODELS", str(tmp_path))
    code, all_of_it = found()
    assert (code, all_of_it["model hands"]["state"]) == (1, "broken")


def test_a_file_is_no_folder_of_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").write_text("")
    monkeypatch.setenv("DEIDKIT_MODELS", str(tmp_path / "models"))
    code, all_of_it = found()
    assert code == 1 and all_of_it["folder of models"]["about"].endswith("models is no folder")
    assert not [what for what in all_of_it if what.startswith("model ")], "no remedy for one model would help"


def test_a_plugin_that_does_not_import_is_broken(install) -> None:
    install("acme_broken", "1 / 0", "[deidkit.engines]\nbroken = acme_broken:Engine\n")
    code, all_of_it = found()
    assert code == 1 and "ZeroDivisionError" in all_of_it["engine broken"]["about"]
