"""Transactions on the score store, with errors as single sentences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from deidkit.errors import StoreError
from deidkit.store.database_errors import cause, remedy
from deidkit.store.opening import shown

GO_ON = "Nothing of the audit is lost: make room, free the lock or start the database, and run it again with --resume."

DAMAGED = "If it is damaged, put a backup of it there, or name another with --db."


@contextmanager
def writing(engine: Engine, otherwise: str = GO_ON) -> Iterator[Session]:
    """A writing transaction, rolled back on errors; a full disk or a locked file is reported in one sentence."""
    try:
        with Session(engine) as session, session.begin():
            yield session
    except SQLAlchemyError as error:
        raise StoreError(
            f"the score store {shown(engine.url)} could not be written: {cause(error)}. {remedy(error, otherwise)}"
        ) from error


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A read-only transaction; a damaged file is reported in one sentence."""
    try:
        with Session(engine) as session:
            yield session
    except (SQLAlchemyError, ValueError) as error:  # ValueError: an invalid date or JSON
        raise StoreError(
            f"the score store {shown(engine.url)} could not be read: {cause(error)}. {remedy(error, DAMAGED)}"
        ) from error
