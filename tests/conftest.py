"""What all tests share: audits without attacks unless a test asks, the fast tests first, a PostgreSQL server."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

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
        marked = any(item.get_closest_marker(name) for name in ("slow", "nightly", "browser"))
        return marked, late

    items.sort(key=turn)


def postgresql_programs() -> Path | None:
    """Where PostgreSQL's programs are; None where it is not installed."""
    beside = shutil.which("initdb")
    if beside:
        return Path(beside).parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """URL of a server of our own that listens on a socket in a folder."""
    found = postgresql_programs()
    if found is None:
        pytest.skip("PostgreSQL is not installed")
    user = "postgres" if os.name == "posix" and os.getuid() == 0 else None  # it refuses to run as root
    with tempfile.TemporaryDirectory() as folder:
        if user:
            shutil.chown(folder, user)
        data, log = Path(folder) / "data", Path(folder) / "log"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]

        def run(*command: object) -> None:
            subprocess.run([*map(str, command)], check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL)

        run(found / "initdb", "-D", data, "-A", "trust", "-U", "deidkit", "-E", "UTF8", "--no-sync")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
        run(found / "pg_ctl", "-D", data, "-l", log, "-w", "-o", options, "start")
        try:
            yield f"postgresql+psycopg://deidkit@127.0.0.1:{port}/postgres"
        finally:
            run(found / "pg_ctl", "-D", data, "-m", "immediate", "stop")
