"""Writes a frozen score store of one schema, for `tests/store/test_migrations.py`.

    python tests/store/freeze.py r0001

Run it once when a revision is added, and commit the file: it is what users of that version have on their disks.
"""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

STORES = Path(__file__).parent.parent / "stores"


def freeze(revision: str) -> Path:
    """Make the store of a revision, with one interrupted audit in it."""
    target = STORES / f"{revision.removeprefix('r')}.db"
    target.unlink(missing_ok=True)
    config = Config()
    config.set_main_option("script_location", str(files("deidkit_migrations")))
    config.set_main_option("path_separator", "os")
    with create_engine(f"sqlite:///{target}").begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.execute(
            text(
                "INSERT INTO audit (id, plan_digest, plan, status, started, deidkit_version, output) VALUES "
                "('20261123-120000-abcd', 'digest', '{}', 'interrupted', '2026-11-23 12:00:00', '0.1.0', 'there')"
            )
        )
    return target


if __name__ == "__main__":
    print(freeze(sys.argv[1]))
