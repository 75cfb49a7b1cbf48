"""The service's database: SQLite for one machine, PostgreSQL for several; the same statements for both."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Connection, create_engine, event, insert, inspect, make_url, select, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from deidkit.errors import StoreError
from deidkit_service import tables

BUSY_MILLISECONDS = 30_000
"""How long, in milliseconds, an SQLite connection waits for another's write lock."""


class Database:
    """An open database.

    Args:
        where: A SQLAlchemy URL, or the path of an SQLite file.

    Raises:
        StoreError: It cannot be opened, or its tables are of another version.
    """

    def __init__(self, where: str) -> None:
        self.where = where
        try:
            url = make_url(where) if "://" in where else URL.create("sqlite", database=where)
            if "://" in where:  # create the score store first, as it refuses a database that already holds other tables
                from deidkit.store import open_store

                open_store(where, "write").dispose()
            self._engine = create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=40)
            self._is_sqlite = self._engine.dialect.name == "sqlite"
            if self._is_sqlite:
                event.listen(self._engine, "connect", _prepare)
                event.listen(self._engine, "begin", _begin)
            self._make_tables()
        except SQLAlchemyError as error:
            raise StoreError(f"the database {self} cannot be opened: {_cause(error)}.") from error

    def __str__(self) -> str:
        """The database's URL or path, without its password."""
        from deidkit.store import hide_password

        return hide_password(self.where)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a session for reading."""
        with Session(self._engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Open a transaction for writing: committed at the end of the block, rolled back on an exception."""
        engine = self._engine.execution_options(writes=True)
        with Session(engine, expire_on_commit=False) as session, session.begin():
            yield session

    def now(self, session: Session) -> float:
        """Seconds since 1970 by the clock that all workers share: the database server's, or the one machine's."""
        if self._is_sqlite:
            return time.time()
        return float(session.scalar(text("SELECT extract(epoch FROM clock_timestamp())")) or 0.0)

    def wipe(self) -> bool:
        """Truncate SQLite's write-ahead log, which still holds removed rows; does nothing for PostgreSQL.

        Returns:
            Whether the log holds no removed rows any more: it cannot be truncated while another process reads.
        """
        if not self._is_sqlite:
            return True
        with self._engine.connect() as connection:
            busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar()
        return not busy

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _make_tables(self) -> None:
        with self._engine.execution_options(writes=True).begin() as connection:
            if not self._is_sqlite:  # two processes that start at once would both create the tables
                connection.execute(text("SELECT pg_advisory_xact_lock(20260101)"))
            if inspect(connection).has_table(tables.Schema.__tablename__):
                found = connection.scalar(select(tables.Schema.version)) or 0
                if found != tables.SCHEMA:
                    raise StoreError(
                        f"the database {self} has the service's tables of version {found}, this deidkit writes "
                        f"{tables.SCHEMA}; use the deidkit that made it, or a new home."
                    )
                return
            tables.Base.metadata.create_all(connection)
            connection.execute(insert(tables.Schema).values(version=tables.SCHEMA))


def is_full(error: Exception) -> bool:
    """Whether an error says that SQLite or PostgreSQL has no disk space left."""
    message = str(getattr(error, "orig", None))
    return isinstance(error, OperationalError) and ("is full" in message or "No space left" in message)


def unusable(error: Exception) -> str | None:
    """Explain, with a remedy, why the database cannot be used; None for other errors, such as a wrong statement."""
    if not isinstance(error, OperationalError):
        return None
    primary = getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_BUSY) & 0xFF
    if primary == sqlite3.SQLITE_ERROR:  # an error in the statement: a defect
        return None
    if is_full(error):
        helps = "make room on its disk"
    elif primary in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
        helps = "make it and its folder writable for this user"
    else:
        helps = "see that it runs and that nothing else holds it"
    return f"the service's database cannot be used: {_cause(error)}; {helps}, then run the command again."


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # or Python's sqlite3 begins transactions itself
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")  # overwrite removed rows in unused pages


def _begin(connection: Connection) -> None:
    """Begin a writing transaction as IMMEDIATE: upgraded from a reading one, it would fail after another's write."""
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _cause(error: SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error).splitlines()[0]
