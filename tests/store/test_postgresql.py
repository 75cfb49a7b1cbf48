"""A score store in PostgreSQL: what a department shares."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from deidkit import api
from deidkit.store import audit_rows, load_scores, models, open_store

pytest.importorskip("psycopg", reason="needs psycopg: pip install 'psycopg[binary]>=3.2'")


def programs() -> Path | None:
    """Where PostgreSQL's programs are; None where it is not installed."""
    beside = shutil.which("initdb")
    if beside:
        return Path(beside).parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """URL of a server of our own that listens on a socket in a folder."""
    found = programs()
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


def test_an_audit_is_kept_and_loaded(server: str, tmp_path: Path) -> None:
    palms = tmp_path / "palms"
    palms.mkdir()
    for identity in range(6):
        base = cv2.GaussianBlur(np.random.default_rng(identity).normal(0, 1, (128, 128)).astype(np.float32), (0, 0), 3)
        for sample in range(2):
            noise = np.random.default_rng([identity, sample]).normal(0, 4, base.shape)
            picture = np.clip(128 + 300 * base + noise, 0, 255).astype(np.uint8)
            cv2.imwrite(str(palms / f"{identity + 1:04d}_{sample + 1:04d}.png"), picture)
    made = api.audit(f"numbered:{palms},kind=roi", "blur", "compcode", db=server)
    assert msgspec.json.encode(api.load("latest", db=server).result) == msgspec.json.encode(made.result)
    store = open_store(server, "read")
    genuine = load_scores(store, made.result.audit_id, "compcode", "genuine")
    assert genuine.count == 6
    assert [row.status for row in audit_rows(store)] == ["done"]
    with store.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), models.Base.metadata) == []
    store.dispose()


def test_counts_beyond_32_bits_are_kept(server: str) -> None:
    store = open_store(server, "write")
    with store.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO audit (id, plan_digest, plan, status, started, deidkit_version, output) "
                "VALUES ('large', 'x', '{}', 'running', now(), '0', '')"
            )
        )
        connection.execute(
            text("INSERT INTO timing (audit_id, stage, items, seconds) VALUES ('large', 'comparison', :items, 1)"),
            {"items": 10**12},
        )
        assert connection.scalar(text("SELECT items FROM timing WHERE audit_id = 'large'")) == 10**12
        connection.execute(text("DELETE FROM audit WHERE id = 'large'"))
    store.dispose()
