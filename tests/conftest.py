"""What all tests share: audits without attacks unless a test asks for them, and the fast tests first."""

from __future__ import annotations

import pytest

LATE = ("tests/pipeline", "tests/engines", "tests/reports", "tests/cli", "tests/testing", "tests/networks")
"""Folders whose tests run whole audits, train or open a browser."""


@pytest.fixture(autouse=True)
def without_attacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The standard attacks cost more than the audit that most tests are about; those of attacks say ``--attack``."""
    monkeypatch.setenv("DEIDKIT_AUDIT_ATTACK", "none")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Unit tests first, then whole audits, then what is marked slow or needs a browser."""

    def turn(item: pytest.Item) -> tuple[bool, bool]:
        late = any(f"/{folder}/" in item.path.as_posix() for folder in LATE)
        marked = any(item.get_closest_marker(name) for name in ("slow", "browser"))
        return marked, late

    items.sort(key=turn)
