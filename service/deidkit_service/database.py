"""The service's database: SQLite for one machine, PostgreSQL for a department; the same statements for both."""

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
"""How long a connection waits while another writes."""


class Database:
    """An open database.

    Args:
        where: A SQLAlchemy URL, or the path of an SQLite file.

    Raises:
        StoreError: It cannot be opened, or a newer deidkit wrote it.
    """

    def __init__(self, where: str) -> None:
        self.where = where
        try:
            url = make_url(where) if "://" in where else URL.create("sqlite", database=where)
            if "://" in where:  # the score store is beside, and takes no database for its own that holds other tables
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
        """Where it is, without a password."""
        from deidkit.store import hide_password

        return hide_password(self.where)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session for looking."""
        with Session(self._engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session whose changes are all kept at the end of the block, or none of them."""
        engine = self._engine.execution_options(writes=True)
        with Session(engine, expire_on_commit=False) as session, session.begin():
            yield session

    def now(self, session: Session) -> float:
        """Seconds since 1970, by the one clock that all workers share."""
        if self._is_sqlite:
            return time.time()
        return float(session.scalar(text("SELECT extract(epoch FROM clock_timestamp())")) or 0.0)

    def wipe(self) -> bool:
        """Take out of SQLite's journal what was removed; PostgreSQL does so by itself.

        Returns:
            Whether nothing removed is left in the journal: it stays there while another process reads.
        """
        if not self._is_sqlite:
            return True
        with self._engine.connect() as connection:
            busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar()
        return not busy

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()

    def _make_tables(self) -> None:
        with self._engine.execution_options(writes=True).begin() as connection:
            if not self._is_sqlite:  # two that start at once would both find none
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
    """Whether SQLite or PostgreSQL had no room to write."""
    message = str(getattr(error, "orig", None))
    return isinstance(error, OperationalError) and ("is full" in message or "No space left" in message)


def unusable(error: Exception) -> str | None:
    """Why a statement that was right could not be run, and what helps; None for any other error."""
    if not isinstance(error, OperationalError):
        return None
    primary = getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_BUSY) & 0xFF
    if primary == sqlite3.SQLITE_ERROR:  # the statement is wrong
        return None
    if is_full(error):
        helps = "make room on its disk"
    elif primary in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
        helps = "make it and its folder writable for this user"
    else:
        helps = "see that it runs and that nothing else holds it"
    return f"the service's database cannot be used: {_cause(error)}; {helps}, then run the command again."


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # Python would begin transactions at other moments
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")  # what is removed stays in no unused page


def _begin(connection: Connection) -> None:
    """Begin a transaction that writes as one: begun as a reader, it fails at once where another wrote meanwhile."""
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _cause(error: SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error).splitlines()[0]
