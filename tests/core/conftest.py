"""A few palm regions, and audits of them from Python."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deidkit import api


@pytest.fixture(scope="module")
def palms(tmp_path_factory: pytest.TempPathFactory, soft_palms: Callable[[Path, int], Path]) -> Path:
    """8 made-up palm regions with 2 samples each."""
    return soft_palms(tmp_path_factory.mktemp("palms"), 8)


def run(palms: Path, engines: object, recognizers: object = "compcode", **options: object) -> api.Audit:
    return api.audit(f"numbered:{palms},kind=roi", engines, recognizers, **{"attack": "none", **options})  # type: ignore[arg-type]
