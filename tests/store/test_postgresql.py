"""A score store in PostgreSQL: what a department shares."""

from __future__ import annotations

import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from click.testing import CliRunner
from sqlalchemy import text

from deidkit import api
from deidkit.cli import main
from deidkit.store import AuditRecord, audit_rows, load_scores, models, open_store

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


def said(*arguments: object) -> tuple[int, str]:
    """Exit code and last line of a command."""
    result = CliRunner().invoke(main, [*map(str, arguments)])
    return result.exit_code, result.output.strip().splitlines()[-1]


def test_a_connection_that_was_cut_between_two_stages_is_made_again(postgresql_database: str) -> None:
    store = open_store(postgresql_database, "write")
    assert audit_rows(store) == []
    other = open_store(postgresql_database, "read")
    with other.begin() as connection:
        cut = connection.execute(
            text(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
        assert cut.scalar() == 1
    assert audit_rows(store) == []
    other.dispose()
    store.dispose()


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_cannot_hold_every_name_is_refused_at_once(
    encoding: str, postgresql_server: str, tmp_path: Path
) -> None:
    name = f"own_{secrets.token_hex(6)}"
    admin = sqlalchemy.create_engine(postgresql_server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        locale = "TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
        connection.execute(text(f"CREATE DATABASE {name} ENCODING '{encoding}' {locale}"))
    admin.dispose()
    db = postgresql_server.rpartition("/")[0] + f"/{name}"
    for command in (["upgrade"], ["list"], ["current"]):
        code, told = said("db", *command, "--db", db)
        assert code == 2
        assert told == (
            f"Error: {db} has the encoding {encoding}, which does not hold every character; create a database with "
            "createdb -E UTF8 -T template0."
        )


def test_what_helps_is_said_of_a_server_that_lets_nobody_in(postgresql_database: str) -> None:
    server = postgresql_database.rpartition("/")[0]
    for db in (f"{server}/nosuch", "postgresql+psycopg://deidkit@127.0.0.1:1/scores"):
        code, told = said("db", "list", "--db", db)
        assert code == 2
        assert "cannot be opened: connection failed" in told
        assert told.endswith("the user and the password (~/.pgpass or PGPASSWORD).")
    code, told = said("db", "list", "--db", postgresql_database.replace("postgresql+psycopg", "postgres"))
    assert code == 2
    assert told.endswith("Write it as postgresql+psycopg://USER@HOST/DATABASE, or name a file.")


def test_what_helps_is_said_to_a_user_without_rights(postgresql_database: str) -> None:
    user = f"user_{secrets.token_hex(6)}"
    store = open_store(postgresql_database, "write")
    with store.begin() as connection:
        connection.execute(text(f"CREATE ROLE {user} LOGIN"))
        connection.execute(text(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user}"))
    AuditRecord.start(store, audit_id="one", plan={}, plan_digest="x", version="0", output=".")
    db = postgresql_database.replace("//deidkit@", f"//{user}@")
    assert said("db", "list", "--db", db)[0] == 0
    code, told = said("db", "remove", "one", "--db", db)
    assert code == 2
    assert "permission denied for table audit. Connect as the user who owns the database" in told
    assert [row.id for row in audit_rows(store)] == ["one"]
    store.dispose()
