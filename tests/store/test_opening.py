"""A store is created when new, upgraded only for writing and after a backup, and refused when newer."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from click.testing import CliRunner
from sqlalchemy import Engine
from sqlalchemy.engine import make_url

from deidkit.cli import main
from deidkit.errors import StoreError
from deidkit.store import audit_rows, hide_password, is_done, models, open_store, opening, schema, unfinished

STORES = Path(__file__).parent.parent / "stores"
HEAD = "r0005"


@pytest.fixture
def close() -> object:
    engines: list[Engine] = []
    yield engines.append
    for engine in engines:
        engine.dispose()


def differences(engine: Engine) -> list[object]:
    """Between the tables of a store and the models."""
    with engine.connect() as connection:
        return compare_metadata(MigrationContext.configure(connection), models.Base.metadata)


def copy_of(name: str, folder: Path) -> Path:
    return Path(shutil.copy(STORES / name, folder / name))


def test_a_new_store_is_created_for_writing_at_the_newest_schema(tmp_path: Path, close) -> None:
    path = tmp_path / "100% new.db"
    close(open_store(str(path), "write"))
    assert schema(str(path)) == (HEAD, HEAD)


@pytest.mark.parametrize(
    "name", ["what?.db", "a%20b.db", "100%.db", "two words.db", "a#b&c=d.db", "file:x.db", "é@ü.db"]
)
def test_a_store_is_the_very_file_that_was_named(
    name: str, tmp_path: Path, close, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    close(open_store(name, "write"))
    for command in (["upgrade"], ["list"], ["current"]):
        result = CliRunner().invoke(main, ["db", *command, "--db", name])
        assert result.exit_code == 0, result.output
    assert [path.name for path in tmp_path.iterdir()] == [name]
    schema_of = sqlite3.connect(tmp_path / name)
    assert schema_of.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]
    schema_of.close()
    (tmp_path / name).write_bytes(b"x" * 4096)
    result = CliRunner().invoke(main, ["db", "list", "--db", name])
    assert result.exit_code == 2 and f"{name} is not a usable database" in result.output


@pytest.mark.parametrize("name", ["what?.db", "what?a=b"])
def test_a_question_mark_in_the_url_of_a_file_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"SQLite takes no '\?' in .*as a path"):
        open_store(f"sqlite:///{tmp_path}/{name}", "write")
    assert not list(tmp_path.iterdir())


def test_reading_an_absent_store_says_so_and_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "absent.db"
    with pytest.raises(StoreError, match=r"no score store at .*absent\.db; run an audit first"):
        open_store(str(path), "read")
    assert not path.exists()


def test_upgrading_an_absent_store_says_so_and_makes_none(tmp_path: Path, postgresql_database: str) -> None:
    for db in (str(tmp_path / "typo.db"), postgresql_database):
        done = CliRunner().invoke(main, ["db", "upgrade", "--db", db])
        assert done.exit_code == 2 and f"there is no score store at {db}" in done.output
        assert schema(db) == (None, HEAD)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", sorted(path.name for path in STORES.glob("*.db")))
def test_every_schema_ever_shipped_is_upgraded_for_writing_and_keeps_its_audit(
    name: str, tmp_path: Path, close
) -> None:
    path = copy_of(name, tmp_path)
    engine = open_store(str(path), "write")
    close(engine)
    assert schema(str(path)) == (HEAD, HEAD)
    assert [row.id for row in audit_rows(engine)] == ["20261123-120000-abcd"]
    assert differences(engine) == []


def test_an_older_store_is_copied_before_it_is_upgraded(tmp_path: Path, close) -> None:
    path = copy_of("0001.db", tmp_path)
    close(open_store(str(path), "write"))
    (backup,) = tmp_path.glob("0001.db.*.backup")
    assert schema(str(backup)) == ("r0001", HEAD)


def test_an_older_store_is_named_without_its_secrets_and_with_a_backup_only_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = copy_of("0001.db", tmp_path)
    with pytest.raises(StoreError, match=r"upgrade it \(a backup is kept\)"):
        open_store(str(path), "read")
    url = "postgresql://ann:s3cr@host/x?sslpassword=s3cr"  # a server's database, for want of one
    server = SimpleNamespace(url=make_url(url), dialect=SimpleNamespace(name="postgresql"), dispose=lambda: None)
    monkeypatch.setattr(opening, "_connect", lambda _: server)
    monkeypatch.setattr(opening, "versions", lambda _: ("r0001", HEAD))
    with pytest.raises(StoreError) as refused:
        open_store(url, "read")
    said = str(refused.value)
    assert "s3cr" not in said and "backup" not in said
    assert "deidkit db upgrade --db 'postgresql://ann:***@host/x?sslpassword=***'" in said


@pytest.mark.parametrize(
    "query",
    [
        "sslpassword=s3cr",
        "passfile=s3cr",
        "sslkey=s3cr",
        "accessToken=s3cr",
        "pwd=s3cr",
        "odbc_connect=UID%3Dann%3BPWD%3Ds3cr",
        "application=a;password=s3cr",
        "v=s3crS3crS3crS3cr",
    ],
)
def test_what_is_secret_in_a_url_is_hidden(query: str) -> None:
    told = hide_password(f"postgresql://ann@host/x?mode=ro&{query}")
    assert "s3cr" not in told and "=***" in told and "mode=ro" in told


def test_what_is_not_secret_in_a_url_is_shown() -> None:
    url = "mssql://ann@host/x?driver=ODBC+Driver+17+for+SQL+Server&monkey=1&application_name=compass"
    assert hide_password(url) == url


def test_an_older_store_is_not_changed_by_reading(tmp_path: Path) -> None:
    path = copy_of("0001.db", tmp_path)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="deidkit db upgrade --db"):
        open_store(str(path), "read")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("mode", ["read", "write"])
def test_a_newer_store_is_refused(mode: str, tmp_path: Path) -> None:
    path = copy_of("0002.db", tmp_path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'r9999'")
    connection.close()
    with pytest.raises(StoreError, match=r"newer deidkit \(schema r9999\).*Use that deidkit, or name another store"):
        open_store(str(path), mode)


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.db"
    text.write_text("not a database")
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as connection, connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    for path, said in ((text, "not a usable database"), (other, "not a score store of deidkit")):
        with pytest.raises(StoreError, match=said):
            open_store(str(path), "write")
    with pytest.raises(StoreError, match="not a database URL"):
        open_store("nonsense://x", "write")
    with pytest.raises(StoreError, match="does not exist; create it first"):
        open_store(str(tmp_path / "nowhere" / "a.db"), "write")


def test_models_and_migrations_agree(tmp_path: Path, close) -> None:
    engine = open_store(str(tmp_path / "a.db"), "write")
    close(engine)
    assert differences(engine) == []


ROWS = """
INSERT INTO dataset VALUES (7, 'f', 'hands', 4, 2, 2);
INSERT INTO component VALUES (8, 'd', 'engine', 'blur', 'blur', '1', 'deidkit 0', '{}', '{}');
UPDATE audit SET dataset_id = 7;
INSERT INTO score_set VALUES (9, '20261123-120000-abcd', 8, 8, 'genuine', 1, 0.5, 0.0, 'scores', NULL, NULL);
INSERT INTO score_block VALUES (9, 0, 1, x'00', NULL, NULL);
INSERT INTO metric VALUES (1, '20261123-120000-abcd', 'cell', 8, 8, 'ssim', 0.5, 'ratio', 0, 1, '', 2, 4, '', '', '{}');
INSERT INTO failure VALUES (1, '20261123-120000-abcd', 8, 3, 0, 'engine', 'none');
INSERT INTO timing VALUES (1, '20261123-120000-abcd', 'comparison', 4, 1.5);
"""


def test_what_is_measured_survives_an_upgrade_and_goes_with_its_audit(tmp_path: Path, close) -> None:
    path = copy_of("0002.db", tmp_path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(ROWS)
        before = [line for line in connection.iterdump() if line.startswith("INSERT") and "alembic" not in line]
    connection.close()
    engine = open_store(str(path), "write")
    close(engine)
    with closing(sqlite3.connect(path)) as connection, connection:
        after = [line for line in connection.iterdump() if line.startswith("INSERT") and "alembic" not in line]
        added = {'"metric"': ",NULL,NULL,NULL);"}  # columns that came later
        before = [line[:-2] + next((end for table, end in added.items() if table in line), ");") for line in before]
        assert sorted(after) == sorted(before)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM audit")
    with engine.connect() as connection:
        for table in ("score_set", "score_block", "metric", "failure", "timing"):
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() == 0, table


@pytest.mark.slow
def test_an_upgrade_that_is_cut_off_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    path = copy_of("0002.db", tmp_path)
    script = "import os\nfrom sqlalchemy import Engine, event\n"
    script += "@event.listens_for(Engine, 'before_cursor_execute')\n"
    script += "def stop(c, cursor, statement, *_):\n    'DROP TABLE failure' in statement and os._exit(9)\n"
    script += f"from deidkit.store import open_store\nopen_store({str(path)!r}, 'write')\n"
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 9, done.stderr
    assert schema(str(path)) == ("r0002", HEAD)
    open_store(str(path), "write").dispose()
    assert schema(str(path)) == (HEAD, HEAD)


def overwrite_page(path: Path, table: str) -> None:
    """Damage a store inside of a table, with everything by which it is known as one left whole."""
    with closing(sqlite3.connect(path)) as connection, connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    content = bytearray(path.read_bytes())
    content[(page - 1) * size : page * size] = b"\xff" * size
    path.write_bytes(content)


def overwrite_date(path: Path, table: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE {table} SET started = 'no date'")
    connection.close()


@pytest.mark.parametrize("damage", [overwrite_page, overwrite_date])
@pytest.mark.parametrize("command", [["db", "list"], ["db", "remove", "20261123"], ["report", "20261123"]])
def test_a_store_that_is_damaged_inside_is_named_in_one_sentence(
    tmp_path: Path, close, command: list[str], damage: Callable[[Path, str], None]
) -> None:
    path = copy_of("0002.db", tmp_path)
    close(open_store(str(path), "write"))
    damage(path, "audit")
    result = CliRunner().invoke(main, [*command, "--db", str(path)])
    assert result.exit_code == 2
    assert re.fullmatch(
        rf"Error: the score store {path} could not be read: .+\. If it is damaged, put a backup .*\n",
        result.output,
    )


def test_a_store_whose_names_are_no_text_is_named_in_one_sentence(tmp_path: Path, close) -> None:
    path = copy_of("0002.db", tmp_path)
    close(open_store(str(path), "write"))
    content = path.read_bytes()
    path.write_bytes(content.replace(b"CREATE TABLE audit (", b"CREATE TABLF \xc5udit ("))
    result = CliRunner().invoke(main, ["db", "list", "--db", str(path)])
    assert result.exit_code == 2 and len(result.output.splitlines()) == 1
    assert result.output.startswith(f"Error: {path} is not a usable database: ")


def test_whether_an_audit_can_go_on_is_asked_of_a_damaged_store_in_vain(tmp_path: Path, close) -> None:
    path = copy_of("0002.db", tmp_path)
    engine = open_store(str(path), "write")
    close(engine)
    engine.dispose()
    overwrite_page(path, "audit")
    with pytest.raises(StoreError, match="could not be read"):
        unfinished(engine, "digest")
    with pytest.raises(StoreError, match="could not be read"):
        is_done(engine, "20261123-120000-abcd")


def test_an_audit_that_cannot_be_removed_whole_stays(tmp_path: Path, close) -> None:
    path = copy_of("0002.db", tmp_path)
    close(open_store(str(path), "write"))
    overwrite_page(path, "ix_metric_audit_id")
    result = CliRunner().invoke(main, ["db", "remove", "20261123", "--db", str(path)])
    assert result.exit_code == 2 and "could not be written: " in result.output
    assert "The audit stays in it." in result.output and "Traceback" not in result.output
