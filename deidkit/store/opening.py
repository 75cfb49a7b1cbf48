"""Opens a score store: creates a new one, upgrades an old one for writing, and rejects a newer one."""

from __future__ import annotations

import shlex
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from threading import Lock
from typing import Any, Literal
from urllib.parse import quote_plus

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError, OperationalError, SQLAlchemyError

from deidkit.errors import MissingDependency, StoreError
from deidkit.redaction import secret_parameter
from deidkit.store.database_errors import CHECK, cause, remedy

DRIVERS = {"MySQLdb": "mysqlclient", "psycopg2": "psycopg2-binary"}
"""Module of a driver -> its package, if the names differ."""

CREATION_SECONDS = 10
"""Time that another process may take to create a store."""

_MIGRATING = Lock()
"""Held while a store is created or upgraded, since Alembic's context is global."""

MAKER = "alembic_version"
"""First table of a store: it exists, empty, while the others are created."""


def url_of(text: str) -> URL:
    """SQLAlchemy URL from a URL or the path of an SQLite file, with any characters in its name.

    Raises:
        ArgumentError, ValueError: It is not a URL.
    """
    return make_url(text) if "://" in text else URL.create("sqlite", database=text)


def hide_password(text: str) -> str:
    """A database's URL with ``***`` for its password and other secrets; a path is unchanged."""
    if "://" not in text:
        return text
    try:
        return shown(make_url(text), text)
    except (ArgumentError, ValueError):
        return f"{text.partition('://')[0]}://***"


def shown(url: URL, text: str = "") -> str:
    """A URL without its secrets; `text` if there are none; the path of an SQLite file."""
    if url.get_backend_name() == "sqlite" and url.database and not url.query:
        return text or url.database
    host = (url.host or "").rpartition("@")[2]  # drop the rest of a password with an unquoted @
    query = url.normalized_query.items()
    secrets = {key: "***" for key, values in query if secret_parameter(f"{key}={' '.join(values)}")}
    if text and url.password is None and host == (url.host or "") and not secrets:
        return text
    rendered = url.set(host=host or None).update_query_dict(secrets).render_as_string(hide_password=True)
    return rendered.replace(quote_plus("***"), "***")


def open_store(text: str, mode: Literal["read", "write"]) -> Engine:
    """Open a store.

    Args:
        text: A SQLAlchemy URL or the path of an SQLite file.
        mode: ``"write"`` creates a store that is not there and upgrades an older one, after a backup copy of an
            SQLite file; ``"read"`` changes nothing.

    Raises:
        StoreError: The store is absent (for reading), newer than this deidkit, older (for reading), or not a store.
    """
    engine = _connect(text)
    try:
        _make_ready(engine, mode, hide_password(text))
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def opened_store(text: str, mode: Literal["read", "write"]) -> Iterator[Engine]:
    """Open a store and close it at the end of the block; see `open_store`."""
    engine = open_store(text, mode)
    try:
        yield engine
    finally:
        engine.dispose()


def _make_ready(engine: Engine, mode: Literal["read", "write"], url: str) -> None:
    """Reject a database that is not a compatible store; create or upgrade one for writing."""
    file = _file(engine)
    if mode == "read" and file and not file.exists():  # connecting would create an empty file
        raise StoreError(f"there is no score store at {file}; run an audit first, or name it with --db.")
    current, head = versions(engine)
    if current == head:
        return
    if current is None and _is_empty(engine):
        if mode == "read":
            raise StoreError(
                f"there is no score store at {shown(engine.url)}; run an audit first, or name it with --db."
            )
        try:
            _upgrade(engine)
        except StoreError:
            if not _becomes(engine, head):
                raise
        return
    if current is None and _becomes(engine, head):
        return
    if current is None:
        raise StoreError(
            f"{shown(engine.url)} is a database, but not a score store of deidkit; name another with --db."
        )
    if all(script.revision != current for script in _script().walk_revisions()):
        raise StoreError(
            f"{shown(engine.url)} was written by a newer deidkit (schema {current}); this one knows up to {head}. "
            "Use that deidkit, or name another store with --db."
        )
    if mode == "read":
        backup_note = " (a backup is kept)" if file else ""
        raise StoreError(
            f"{shown(engine.url)} has the older schema {current}; upgrade it{backup_note} with: "
            f"deidkit db upgrade --db {shlex.quote(url)}"
        )
    backup(engine)
    _upgrade(engine)


def _becomes(engine: Engine, head: str) -> bool:
    """Whether another process is currently creating the store and finishes in time."""
    for _ in range(CREATION_SECONDS * 10):
        if versions(engine)[0] == head:
            return True
        if MAKER not in _tables(engine):
            return False
        time.sleep(0.1)
    return False


def schema(text: str) -> tuple[str | None, str]:
    """Schema version of the store at a URL or path (None if it does not exist) and the newest one; read-only."""
    engine = _connect(text)
    try:
        file = _file(engine)
        if file and not file.exists():
            return None, _newest()
        current, head = versions(engine)
        if current is None and not _is_empty(engine):
            raise StoreError(
                f"{shown(engine.url)} is a database, but not a score store of deidkit; name another with --db."
            )
        return current, head
    finally:
        engine.dispose()


def versions(engine: Engine) -> tuple[str | None, str]:
    """Schema version of a store (None if it has none) and the one this deidkit writes."""
    with _readable(engine), engine.connect() as connection:
        _check_encoding(connection)
        current = MigrationContext.configure(connection).get_current_revision()
    return current, _newest()


def backup(engine: Engine) -> Path | None:
    """Back up an SQLite file next to itself before it is changed; other databases have backups of their own."""
    source = _file(engine)
    if source is None:
        return None
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    target = Path(f"{source}.{stamp}.backup")
    try:
        with sqlite3.connect(source) as old, sqlite3.connect(target) as new:
            old.backup(new)
    except sqlite3.Error as error:
        raise StoreError(f"no backup of {source} can be made: {error}. Name another store with --db.") from error
    new.close()
    old.close()
    return target


def _connect(text: str) -> Engine:
    if not text.strip():
        raise StoreError("--db is empty; name a file or a URL, or leave it out.")
    try:
        url = url_of(text)
        if url.get_backend_name() == "sqlite":
            if url.database in (None, "", ":memory:") or url.query.get("mode") == "memory":
                raise StoreError(f"the score store {text} would be in memory only and lost; name a file with --db.")
            if "://" in text and "?" in text and "uri" not in url.query:
                raise StoreError(
                    f"SQLite takes no '?' in '{text}'; give a file whose name holds one as a path, without sqlite:///."
                )
            parent = Path(str(url.database)).resolve().parent
            if not parent.is_dir():
                raise StoreError(f"the folder of the score store, {parent}, does not exist; create it first.")
        engine = create_engine(url, **_options(url))
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        message = str(error).replace(text, hide_password(text))
        raise StoreError(
            f"'{hide_password(text)}' is not a database URL that SQLAlchemy understands: {message}. "
            "Write it as postgresql+psycopg://USER@HOST/DATABASE, or name a file."
        ) from error
    except ModuleNotFoundError as error:
        package = DRIVERS.get(error.name or "", error.name)
        raise MissingDependency(
            f"the database URL needs the driver '{error.name}'. Install it with: pip install {package}"
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _options(url: URL) -> dict[str, Any]:
    """Engine options for a server: an audit may be idle for hours, after which connections may have been cut."""
    if url.get_backend_name() == "sqlite":
        return {}
    spoken = {"client_encoding": "utf8"} if url.get_backend_name() == "postgresql" else {}
    return {"pool_pre_ping": True, **spoken}


def _check_encoding(connection: Connection) -> None:
    """Reject a database that cannot store all characters, before there is a result to lose."""
    if connection.dialect.name != "postgresql":
        return
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
    if encoding != "UTF8":
        raise StoreError(
            f"{shown(connection.engine.url)} has the encoding {encoding}, which does not hold every character; create "
            "a database with createdb -E UTF8 -T template0."
        )


def _file(engine: Engine) -> Path | None:
    database = engine.url.database
    if engine.dialect.name != "sqlite" or not database or database == ":memory:":
        return None
    return Path(database)


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")  # what is removed stays in no unused page
    connection.execute("PRAGMA busy_timeout = 30000")


def _is_empty(engine: Engine) -> bool:
    return not _tables(engine)


def _tables(engine: Engine) -> list[str]:
    with _readable(engine):
        return inspect(engine).get_table_names()


@contextmanager
def _readable(engine: Engine) -> Iterator[None]:
    """Convert errors of a damaged database into one sentence; names in it may not be valid text any more."""
    try:
        yield
    except OperationalError as error:
        help_ = f" {remedy(error, CHECK)}" if _file(engine) is None else ""
        raise StoreError(f"the score store {shown(engine.url)} cannot be opened: {cause(error)}.{help_}") from error
    except (DatabaseError, UnicodeDecodeError) as error:
        raise StoreError(
            f"{shown(engine.url)} is not a usable database: {cause(error)}. {remedy(error, 'Name another with --db.')}"
        ) from error


def _config() -> Config:
    config = Config()
    location = str(files("deidkit_migrations"))
    config.set_main_option("script_location", location.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _newest() -> str:
    head = _script().get_current_head()
    assert head is not None
    return head


def _script() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _upgrade(engine: Engine) -> None:
    config = _config()
    try:
        with _MIGRATING, engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                # Altering a column in SQLite recreates its table, which must not cascade to referring rows; the whole
                # upgrade is one transaction of one process.
                connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
    except (SQLAlchemyError, UnicodeDecodeError) as error:
        raise StoreError(
            f"the score store {shown(engine.url)} could not be written: {cause(error)}. "
            f"{remedy(error, 'Name another with --db, or give the command again when it is free.')}"
        ) from error
    finally:
        engine.dispose()  # new connections enforce foreign keys again
