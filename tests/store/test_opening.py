"""A store is created when new, upgraded only for writing and after a backup, and refused when newer."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine

from deidkit.errors import StoreError
from deidkit.store import audit_rows, models, open_store, schema

STORES = Path(__file__).parent.parent / "stores"
HEAD = "r0002"


@pytest.fixture
def close() -> object:
    engines: list[Engine] = []
    yield engines.append
    for engine in engines:
        engine.dispose()


def copy_of(name: str, folder: Path) -> Path:
    return Path(shutil.copy(STORES / name, folder / name))


def test_a_new_store_is_created_for_writing_at_the_newest_schema(tmp_path: Path, close) -> None:
    path = tmp_path / "100% new.db"
    close(open_store(str(path), "write"))
    assert schema(str(path)) == (HEAD, HEAD)


def test_reading_an_absent_store_says_so_and_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "absent.db"
    with pytest.raises(StoreError, match=r"no score store at .*absent\.db; run an audit first"):
        open_store(str(path), "read")
    assert not path.exists()


@pytest.mark.parametrize("name", sorted(path.name for path in STORES.glob("*.db")))
def test_every_schema_ever_shipped_is_upgraded_for_writing_and_keeps_its_audit(
    name: str, tmp_path: Path, close
) -> None:
    path = copy_of(name, tmp_path)
    engine = open_store(str(path), "write")
    close(engine)
    assert schema(str(path)) == (HEAD, HEAD)
    assert [row.id for row in audit_rows(engine)] == ["20261123-120000-abcd"]


def test_an_older_store_is_copied_before_it_is_upgraded(tmp_path: Path, close) -> None:
    path = copy_of("0001.db", tmp_path)
    close(open_store(str(path), "write"))
    (backup,) = tmp_path.glob("0001.db.*.backup")
    assert schema(str(backup)) == ("r0001", HEAD)


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
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'r9999'")
    connection.close()
    with pytest.raises(StoreError, match=r"newer deidkit \(schema r9999\).*pip install --upgrade deidkit"):
        open_store(str(path), mode)


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.db"
    text.write_text("not a database")
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as connection:
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
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), models.Base.metadata)
    assert differences == []
