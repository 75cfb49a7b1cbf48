"""``deidkit dossier``: an audit as a folder and a file that can be filed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deidkit.cli import output
from deidkit.cli.configuration import store_options
from deidkit.cli.shared import FOLDER, complete_audit

if TYPE_CHECKING:
    from deidkit.dossier import Parties
    from deidkit.dossier.keys import PrivateKey


@click.command()
@click.argument("audit", default="latest", shell_complete=complete_audit)
@click.option(
    "--output", type=FOLDER, metavar="DIR", help="Folder to create; the file is DIR.zip. Default: AUDIT-dossier."
)
@click.option(
    "--auditor", default="", metavar="'NAME; ORGANISATION; DATE'", help="Who carried out the audit, and signs."
)
@click.option("--reviewer", default="", metavar="'NAME; ORGANISATION; DATE'", help="Who reviewed the audit.")
@click.option("--controller", default="", metavar="'NAME; ORGANISATION; DATE'",
              help="Who decides on the processing of the pictures.")  # fmt: skip
@click.option("--key", "key_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Private key to sign with; make one with: deidkit key new")  # fmt: skip
@click.option("--passphrase", is_flag=True, help="Ask for the passphrase of the key.")
@click.option("--timestamp-url", default="", metavar="URL",
              help="Time-stamping authority (RFC 3161) to ask; it gets a hash only.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace a dossier that is there.")
@store_options
def dossier(audit: str, db: str, **options: Any) -> None:
    r"""Write the dossier of AUDIT (an id, the beginning of one, 'latest', or the path of a report.json).

    A folder and a zip file: the report as PDF, every number as JSON with its schema, the policy, what is needed to make
    the audit again, attacks run and not run, limits, a manifest of SHA-256 and, with --key, a signature.

    \b
    Example:
        deidkit key new --output auditor.key
        deidkit dossier latest --auditor 'NAME; ORGANISATION; 2026-11-30' --key auditor.key
        deidkit verify 20261130-120000-abcd-dossier.zip --key auditor.key.pub
    """
    from deidkit.audit_comparison import read_report
    from deidkit.dossier import DossierPlan, make_dossier
    from deidkit.store import load_result, opened_store

    key = _key(options["key_file"], protected=options["passphrase"])  # before loading a large audit
    if audit.endswith(".json"):
        result = read_report(Path(audit))
    else:
        with opened_store(db, "read") as store:
            result = load_result(store, audit)
    plan = DossierPlan(
        folder=options["output"] or Path(f"{result.audit_id}-dossier"),
        parties=_parties(options),
        key=key,
        timestamp_url=options["timestamp_url"],
        overwrite=options["overwrite"],
    )
    for path in make_dossier(result, plan):
        output.echo(path)
    if key is None:
        output.echo("note: it is not signed; sign it with --key FILE, see: deidkit key new", err=True)


def _parties(options: Mapping[str, str]) -> Parties:
    from deidkit.dossier import Parties, Party

    texts = {role: options[role] for role in ("auditor", "reviewer", "controller")}
    return Parties(**{role: Party.parse(text, role) if text else Party() for role, text in texts.items()})


def _key(file: Path | None, *, protected: bool) -> PrivateKey | None:
    if file is None:
        return None
    from deidkit.dossier.keys import read_private_key

    return read_private_key(file, click.prompt("Passphrase", hide_input=True, err=True) if protected else "")
