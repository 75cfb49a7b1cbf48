"""``deidkit db``: manage the score store."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import click

from deidkit.cli import output
from deidkit.cli.configuration import store_options
from deidkit.cli.groups import Group
from deidkit.cli.shared import complete_audit

if TYPE_CHECKING:
    from deidkit.store import AuditRow


@click.group(cls=Group)
def db() -> None:
    """Manage the score store."""


@db.command()
@store_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def current(db: str, as_json: bool) -> None:
    """Show which schema a store has and which one this deidkit writes. Changes nothing."""
    from deidkit.store import schema

    found, head = schema(db)
    if as_json:
        output.echo_json({"current": found, "newest": head})
    else:
        output.echo(f"{found or 'none'} (this deidkit writes {head})")


@db.command()
@store_options
def upgrade(db: str) -> None:
    """Upgrade a store to the newest schema. An SQLite file is backed up first."""
    from deidkit.store import open_store, schema

    before, after = schema(db)
    open_store(db, "write" if before else "read").dispose()  # a missing store is reported, not created
    output.echo(f"nothing to do: the schema is {after}" if before == after else f"{before} -> {after}")


@db.command(name="list")
@store_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_audits(db: str, as_json: bool) -> None:
    """List the audits in a store, the newest first, with the worst that was found about each engine."""
    from deidkit.store import audit_rows, opened_store

    with opened_store(db, "read") as store:
        rows = [_as_it_is(row) for row in audit_rows(store)]
    if as_json:
        output.echo_json([{**asdict(row), "started": row.started.isoformat()} for row in rows])
    else:
        identified = "engines: copies identified at most"
        header = ["audit", "started", "status", "verdict", "data set", identified, "output"]
        output.echo_table(header, [_audit_cells(row) for row in rows])


def _as_it_is(row: AuditRow) -> AuditRow:
    """Show a killed audit as interrupted, as it could not record that itself."""
    if row.status != "running":
        return row
    from deidkit.pipeline import was_killed

    return replace(row, status="interrupted") if was_killed(row.output) else row


def _audit_cells(row: AuditRow) -> list[str]:
    engines = "\n".join(
        f"{label}: {'not computed' if share is None else f'{share:.1f} %'}" for label, share in row.headline.items()
    )
    started = f"{row.started:%Y-%m-%d %H:%M}"
    return [row.id, started, row.status, row.verdict or "", row.dataset or "", engines, row.output]


@db.command()
@click.argument("audit", shell_complete=complete_audit)
@store_options
def remove(audit: str, db: str) -> None:
    """Remove AUDIT (an id or the beginning of one) from a store, and the templates that it left when interrupted.

    What was measured is gone with it; reports stay. Templates kept with --work DIR stay.
    """
    from deidkit.pipeline import remove_audit
    from deidkit.store import opened_store

    with opened_store(db, "read") as store:
        output.echo(remove_audit(store, audit))
