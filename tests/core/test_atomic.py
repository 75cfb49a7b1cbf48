"""A file is whole or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from deidkit.atomic import replacing


def test_what_fails_leaves_what_was_there_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 250 + ".txt")  # as long as a name can be
    with replacing(path) as partial:
        partial.write_text("first")
        assert not path.exists()
    with pytest.raises(RuntimeError), replacing(path) as partial:
        partial.write_text("half of the sec")
        raise RuntimeError
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]
