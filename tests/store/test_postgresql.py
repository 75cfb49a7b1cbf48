"""A score store in PostgreSQL: what a department shares."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from deidkit import api
from deidkit.store import audit_rows, load_scores, models, open_store

pytest.importorskip("psycopg", reason="needs psycopg: pip install 'psycopg[binary]>=3.2'")


ENGINE = """
import time
from pathlib import Path

import cv2

HERE = Path(__file__).parent

class Halting:
    version = "1"
    deterministic, diverse, batch_size, control = True, False, 4, False

    def deidentify(self, images, seeds):
        (HERE / "called").touch()
        while (HERE / "halt").exists():
            time.sleep(0.05)
        return [[cv2.GaussianBlur(image.pixels, (0, 0), 9)] for image in images]
"""


@pytest.mark.slow
def test_an_audit_is_kept_and_loaded(
    postgresql_server: str, tmp_path: Path, soft_palms: Callable[[Path, int], Path]
) -> None:
    palms = soft_palms(tmp_path / "palms", 6)
    made = api.audit(f"numbered:{palms},kind=roi", "blur", "compcode", db=postgresql_server)
    assert msgspec.json.encode(api.load("latest", db=postgresql_server).result) == msgspec.json.encode(made.result)
    store = open_store(postgresql_server, "read")
    genuine = load_scores(store, made.result.audit_id, "compcode", "genuine")
    assert genuine.count == 6
    assert [row.status for row in audit_rows(store)] == ["done"]
    with store.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), models.Base.metadata) == []
    store.dispose()


def test_counts_beyond_32_bits_are_kept(postgresql_server: str) -> None:
    store = open_store(postgresql_server, "write")
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


@pytest.mark.slow
def test_of_two_clients_of_an_empty_database_one_is_killed_and_goes_on(
    postgresql_database: str, tmp_path: Path, soft_palms: Callable[[Path, int], Path]
) -> None:
    db = postgresql_database
    palms = soft_palms(tmp_path / "palms", 6)
    (tmp_path / "halting.py").write_text(ENGINE)
    (tmp_path / "halt").touch()

    def started(name: str, engine: str, *more: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "deidkit", "audit", "--dataset", f"numbered:{palms},kind=roi", "--db", db]
        command += ["--engine", engine, "--recognizer", "compcode", "--attack", "none", "--format", "json", *more]
        return subprocess.Popen([*command, "--output", tmp_path / name], stderr=subprocess.PIPE, text=True)

    halting = f"{tmp_path}/halting.py:Halting"
    killed, other = started("killed", halting), started("other", "blur")
    while killed.poll() is None and not (tmp_path / "called").exists():
        time.sleep(0.05)
    killed.kill()
    _, told = killed.communicate()
    assert killed.returncode == -signal.SIGKILL, told
    _, told = other.communicate(timeout=300)
    assert other.returncode in (0, 1), told
    (tmp_path / "halt").unlink()
    again = started("killed", halting, "--resume")
    _, told = again.communicate(timeout=300)
    assert again.returncode in (0, 1), told
    assert "resuming the interrupted audit" in told
    store = open_store(db, "read")
    assert [row.status for row in audit_rows(store)] == ["done", "done"]
    for row in audit_rows(store):
        assert load_scores(store, row.id, "compcode", "genuine").count == 6
    store.dispose()
