"""``deidkit dossier``: an audit as a folder and a file that can be filed."""

from __future__ import annotations

from pathlib import Path

import click

from deidkit.cli.configuration import store_options
from deidkit.cli.shared import FOLDER


@click.command()
@click.argument("audit", default="latest")
@click.option(
    "--output", type=FOLDER, metavar="DIR", help="Folder to make; the file is DIR.zip. Default: AUDIT-dossier."
)
@click.option("--auditor", default="", metavar="'NAME; ORGANISATION; DATE'", help="Who made the audit, and signs.")
@click.option("--reviewer", default="", metavar="'NAME; ORGANISATION; DATE'", help="Who looked it over.")
@click.option("--controller", default="", metavar="'NAME; ORGANISATION; DATE'",
              help="Who decides on the processing of the pictures.")  # fmt: skip
@click.option("--key", "key_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Private key to sign with; make one with: deidkit key new")  # fmt: skip
@click.option("--passphrase", is_flag=True, help="Ask for the passphrase of the key.")
@click.option("--timestamp-url", default="", metavar="URL",
              help="Time-stamping authority (RFC 3161) to ask; it gets a hash only.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace a dossier that is there.")
@store_options
def dossier(
    audit: str,
    output: Path | None,
    auditor: str,
    reviewer: str,
    controller: str,
    key_file: Path | None,
    passphrase: bool,
    timestamp_url: str,
    overwrite: bool,
    db: str,
) -> None:
    r"""Write the dossier of AUDIT (an id, the beginning of one, 'latest', or the path of a report.json).

    A folder and a zip file: the report as PDF, every number as JSON with its schema, the policy, what is needed to make
    the audit again, attacks run and not run, limits, a manifest of SHA-256 and, with --key, a signature.

    \b
    Example:
        deidkit key new --output auditor.key
        deidkit dossier latest --auditor 'A. Turing; Example Lab; 2026-11-30' --key auditor.key
        deidkit verify 20261130-120000-abcd-dossier.zip --key auditor.key.pub
    """
    from deidkit.contrasts import read_report
    from deidkit.dossier import DossierPlan, Parties, Party, make_dossier
    from deidkit.store import load_result, opened_store

    roles = {"auditor": auditor, "reviewer": reviewer, "controller": controller}
    parties = Parties(**{role: Party.parse(text, role) if text else Party() for role, text in roles.items()})
    key = None
    if key_file is not None:
        from deidkit.dossier.keys import read_private_key

        key = read_private_key(key_file, click.prompt("Passphrase", hide_input=True, err=True) if passphrase else "")
    if audit.endswith(".json"):
        result = read_report(Path(audit))
    else:
        with opened_store(db, "read") as store:
            result = load_result(store, audit)
    plan = DossierPlan(
        folder=output or Path(f"{result.audit_id}-dossier"),
        parties=parties,
        key=key,
        timestamp_url=timestamp_url,
        overwrite=overwrite,
    )
    for path in make_dossier(result, plan):
        click.echo(path)
    if key is None:
        click.echo("note: it is not signed; sign it with --key FILE, see: deidkit key new", err=True)
