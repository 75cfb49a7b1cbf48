"""A result in the workspace is there whole or not at all."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from msgspec.structs import replace

import deidkit
from deidkit.pipeline.records import FailedSample, StoredPicture, TemplatesRecord
from deidkit.pipeline.workspace import Workspace, key_of, remove_results


def record(count: int = 3) -> TemplatesRecord:
    templates = np.arange(4 * count, dtype=np.uint64).reshape(count, 4)
    failure = FailedSample(9, "hand", "no hand found")
    return TemplatesRecord(templates=templates, numbers=list(range(count)), failures=[failure])


def test_a_result_comes_back_as_it_was(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "work")
    workspace.save("k", record())
    stored = workspace.load("k", TemplatesRecord)
    assert stored is not None and stored.templates is not None and record().templates is not None
    assert stored.templates.dtype == np.uint64
    np.testing.assert_array_equal(stored.templates, record().templates)
    assert replace(stored, templates=None) == replace(record(), templates=None)
    assert workspace.load("another", TemplatesRecord) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: b"nonsense",
        lambda data: data[:60] + bytes([data[60] ^ 1]) + data[61:],
    ],
)
def test_a_damaged_result_counts_as_none_and_is_made_again(damage, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "work")
    workspace.save("k", record(50))
    (file,) = Path(workspace.where).iterdir()
    file.write_bytes(damage(file.read_bytes()))
    assert workspace.load("k", TemplatesRecord) is None
    workspace.save("k", record())
    assert workspace.load("k", TemplatesRecord) is not None


def test_only_the_owner_can_read_it_and_it_goes_away(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "work")
    assert Path(workspace.where).stat().st_mode & 0o077 == 0
    workspace.save("k", record())
    assert next(Path(workspace.where).iterdir()).stat().st_mode & 0o077 == 0
    remove_results(Path(workspace.where))
    assert not Path(workspace.where).exists()


def test_a_key_depends_on_everything_and_on_nothing_else() -> None:
    assert key_of("a", {"x": 1, "y": 2}) == key_of("a", {"y": 2, "x": 1})
    assert key_of("a", [1]) != key_of("a", [2])
    assert key_of("ab", "c") != key_of("a", "bc")


def test_a_key_depends_on_the_code(tmp_path: Path) -> None:
    package = tmp_path / "deidkit"
    shutil.copytree(Path(deidkit.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))

    def key() -> str:
        command = [sys.executable, "-c", "from deidkit.pipeline.workspace import key_of; print(key_of('a'))"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip()

    before = key()
    with (package / "leakage" / "spectra.py").open("a", encoding="utf-8") as module:
        module.write("\n# another state of the same version\n")
    assert before == key_of("a") != key()


pictures = arrays.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3)))


@given(pictures, pictures)
def test_a_stored_copy_comes_back_to_the_bit(copy: np.ndarray, original: np.ndarray) -> None:
    assert np.array_equal(StoredPicture.of(copy, original).pixels(original), copy)
