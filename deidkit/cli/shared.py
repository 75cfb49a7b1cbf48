"""Options that several commands share."""

from __future__ import annotations

import shlex
import sys

import click

DEFAULT_DB = "deidkit.db"

db_option = click.option(
    "--db",
    default=DEFAULT_DB,
    show_default=True,
    metavar="URL",
    help="Score store: a SQLAlchemy URL or the path of an SQLite file.",
)


def command_line() -> str:
    """The command as it was given, for the record, without the password of a database."""
    from deidkit.store import hide_password

    return shlex.join(["deidkit", *(hide_password(argument) for argument in sys.argv[1:])])
