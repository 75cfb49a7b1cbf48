"""What is kept of compiled loops between processes."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from deidkit.compiling import sources_digest

LOOP = """
from deidkit.compiling import compiled
from changing_constants import (
    STEP,
)

@compiled
def plus_step(number):
    return number + STEP
"""


@pytest.mark.slow
def test_a_loop_is_compiled_anew_when_a_constant_of_another_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what was kept serves where all is as it was."""
    package = tmp_path / "changing"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "loop_kernels.py").write_text(LOOP.replace("changing_constants", "changing.constants"))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def found(step: int) -> tuple[int, int]:
        (package / "constants.py").write_text("from changing.more import STEP")
        (package / "more.py").write_text(f"STEP = {step}")
        for name in [name for name in sys.modules if name.startswith("changing")]:
            monkeypatch.delitem(sys.modules, name)
        importlib.invalidate_caches()
        sources_digest.cache_clear()
        plus_step = importlib.import_module("changing.loop_kernels").plus_step
        return plus_step(1), sum(plus_step.stats.cache_hits.values())

    assert [found(1), found(1), found(2)] == [(2, 0), (2, 1), (3, 0)]
