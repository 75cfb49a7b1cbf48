"""A result in the workspace is there whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deidkit.audit.workspace import Workspace, key_of, remove_results


def test_a_result_comes_back_as_it_was(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "work")
    templates = np.arange(12, dtype=np.uint64).reshape(3, 4)
    workspace.save("k", {"templates.0": templates}, {"failures": [[1, "hand", "no hand found"]]})
    stored = workspace.load("k")
    assert stored is not None
    arrays, records = stored
    np.testing.assert_array_equal(arrays["templates.0"], templates)
    assert arrays["templates.0"].dtype == np.uint64
    assert records == {"failures": [[1, "hand", "no hand found"]]}
    assert workspace.load("another") is None


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"nonsense"])
def test_a_damaged_result_counts_as_none_and_is_made_again(damage, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "work")
    workspace.save("k", {"a": np.ones(100)}, {})
    (file,) = workspace.folder.iterdir()
    file.write_bytes(damage(file.read_bytes()))
    assert workspace.load("k") is None
    workspace.save("k", {"a": np.zeros(100)}, {})
    assert workspace.load("k") is not None


def test_only_the_owner_can_read_it_and_it_goes_away(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "work")
    assert workspace.folder.stat().st_mode & 0o077 == 0
    workspace.save("k", {"a": np.ones(1)}, {})
    remove_results(workspace.folder)
    assert not workspace.folder.exists()


def test_a_key_depends_on_everything_and_on_nothing_else() -> None:
    assert key_of("a", {"x": 1, "y": 2}) == key_of("a", {"y": 2, "x": 1})
    assert key_of("a", [1]) != key_of("a", [2])
    assert key_of("ab", "c") != key_of("a", "bc")
