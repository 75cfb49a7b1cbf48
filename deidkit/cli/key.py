"""``deidkit key``: keys with which dossiers are signed."""

from __future__ import annotations

from pathlib import Path

import click

from deidkit.cli.groups import Group
from deidkit.cli.output import echo


@click.group(cls=Group)
def key() -> None:
    """Make and show the keys with which dossiers are signed."""


@key.command()
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), default=Path("deidkit.key"),
              show_default=True, metavar="FILE",
              help="File of the private key; that of the public key ends in .pub.")  # fmt: skip
@click.option("--passphrase", is_flag=True, help="Ask for a passphrase to encrypt the key with.")
def new(output: Path, passphrase: bool) -> None:
    """Make an Ed25519 key. Keep the private file to yourself; give the .pub file to those who verify."""
    from deidkit.dossier.keys import new_key

    asked = click.prompt("Passphrase", hide_input=True, confirmation_prompt=True, err=True) if passphrase else ""
    fingerprint = new_key(output, asked)
    echo(f"private key: {output} (readable by you only)")
    echo(f"public key: {output}.pub")
    echo(f"fingerprint: {fingerprint}")


@key.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def show(file: Path) -> None:
    """Show the fingerprint of a public key FILE, to compare it with what its owner says."""
    from deidkit.dossier.keys import fingerprint, read_public_key

    echo(fingerprint(read_public_key(file)))
