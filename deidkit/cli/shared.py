"""Options that several commands share."""

from __future__ import annotations

import click

DEFAULT_DB = "deidkit.db"

db_option = click.option(
    "--db",
    default=DEFAULT_DB,
    show_default=True,
    metavar="URL",
    help="Score store: a SQLAlchemy URL or the path of an SQLite file.",
)
