"""Alembic environment: works on the connection that the store hands it, or on a developer's database."""

from __future__ import annotations

import os

from alembic import context
from sqlalchemy import Connection, create_engine

from deidkit.store.models import Base


def migrate(connection: Connection) -> None:
    """Run the migrations on one connection."""
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:  # `alembic revision --autogenerate` and `alembic check` of a developer
    with create_engine(os.environ.get("DEIDKIT_DEVELOPMENT_DB", "sqlite:///development.db")).connect() as own:
        migrate(own)
        own.commit()
