"""``deidkit models``: fetch, list and verify model files."""

from __future__ import annotations

from pathlib import Path

import click

from deidkit.cli import output


@click.group()
def models() -> None:
    """Fetch, list and verify model files.

    They lie in a cache of yours; the environment variable DEIDKIT_MODELS names another folder for it.
    """


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_models(as_json: bool) -> None:
    """Show every model: what for, how large, whose licence, from where, and whether it is here."""
    from deidkit import models as registry

    rows = [
        {
            "name": model.name,
            "purpose": model.purpose,
            "state": _overall(model.name),
            "megabytes": round(model.size / 1e6, 1),
            "licence": model.licence,
            "source": model.source.title,
            "files": {file.name: file.sha256 for file in model.files},
        }
        for model in registry.MODELS
    ]
    if as_json:
        output.echo_json({"folder": str(registry.folder()), "models": rows})
        return
    header = ["name", "state", "MB", "licence", "source", "purpose"]
    keys = ["name", "state", "megabytes", "licence", "source", "purpose"]
    output.echo_table(header, [[str(row[key]) for key in keys] for row in rows])


@models.command()
@click.argument("name")
@click.option(
    "--from",
    "given",
    type=click.Path(exists=True, path_type=Path),
    metavar="WHEEL_OR_FOLDER",
    help="Take the files from disk instead of the network.",
)
def fetch(name: str, given: Path | None) -> None:
    r"""Get a model into the cache, over whatever lies there.

    \b
        deidkit models fetch hands
        deidkit models fetch hands --from mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl
    """
    from deidkit import models as registry

    if given is None:
        click.echo(f"Fetching {registry.find(name).source.title}.", err=True)
    place = registry.take(name, given) if given else registry.fetch(name)
    click.echo(f"Model '{name}' is in {place}, every file as recorded.")


@models.command()
@click.argument("names", nargs=-1)
def verify(names: tuple[str, ...]) -> None:
    """Hold model files against their recorded SHA-256; all that are here, or those named.

    Exit code 1 when a file is damaged, or a model named is not here.
    """
    from deidkit import models as registry

    bad = False
    for name in names or [model.name for model in registry.MODELS]:
        for file, state in registry.state(name).items():
            bad |= state == "damaged" or (state == "absent" and name in names)
            click.echo(f"{name} {file}: {state}")
    if bad:
        raise click.exceptions.Exit(1)


@models.command()
@click.argument("name")
def path(name: str) -> None:
    """Print the folder that holds a model's files, after checking them."""
    from deidkit import models as registry

    click.echo(registry.path(name))


def _overall(name: str) -> str:
    """The worst state among a model's files."""
    from deidkit import models as registry

    states = set(registry.state(name).values())
    return next(state for state in ("damaged", "absent", "ok") if state in states)
