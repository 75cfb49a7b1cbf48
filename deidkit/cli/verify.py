"""``deidkit verify``: whether a dossier is what was signed."""

from __future__ import annotations

from pathlib import Path

import click

from deidkit.cli import output


@click.command()
@click.argument("dossier", type=click.Path(path_type=Path))
@click.option("--key", "key_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.pub",
              help="Public key that must have signed it.")  # fmt: skip
def verify(dossier: Path, key_file: Path | None) -> None:
    """Verify DOSSIER (a folder or zip file): who signed it, and which file was changed, if any.

    Exit codes: 0 as signed (without --key: by whoever holds the key named), 1 changed or signed by somebody else, 2 no
    dossier, or not signed.
    """
    from deidkit.dossier import check_dossier

    key = None
    if key_file is not None:
        from deidkit.dossier.keys import read_public_key

        key = read_public_key(key_file)
    checked = check_dossier(dossier, key)
    if checked.problems:
        output.echo(f"CHANGED: {checked.problems[0]}.")
        for problem in checked.problems[1:]:
            output.echo(f"  also: {problem}")
    else:
        output.echo(f"{checked.files} files are as the manifest lists them.")
    if checked.signature == "valid":
        signer = checked.signer or "an unnamed signer"
        output.echo(f"A manifest of audit {checked.audit} was signed by {signer} on {checked.signed}.")
        output.echo(f"key: {checked.fingerprint}")
        if key is None:
            output.echo(
                "To be sure that this key is theirs, ask them for its fingerprint, or give their .pub file with --key."
            )
    elif checked.signature == "none" and key is None:  # with a key, this is listed as a problem
        output.echo("It is not signed.")
    if checked.stamped:
        output.echo(f"time stamp: {checked.stamped}; check its authority with: openssl ts -verify")
    raise click.exceptions.Exit(1 if checked.problems else 2 if checked.signature == "none" else 0)
