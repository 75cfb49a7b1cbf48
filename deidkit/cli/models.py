"""``deidkit models``: fetch, list, verify and remove model files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from deidkit.cli import output
from deidkit.cli.groups import Group

if TYPE_CHECKING:
    from deidkit.models import Model

Found = TypeVar("Found")


@click.group(cls=Group)
def models() -> None:
    """Fetch, list, verify and remove model files.

    They are kept in your cache folder, or in the one that the environment variable DEIDKIT_MODELS names.
    """


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_models(as_json: bool) -> None:
    """List every model: purpose, size, licence, source, and whether it is in the cache.

    Sizes are compared, not contents: that is for `deidkit models verify`.
    """
    from deidkit import models as registry

    rows = [_row(model) for model in registry.installed()]
    if as_json:
        output.echo_json({"folder": str(registry.folder()), "models": rows})
        return
    header = ["name", "state", "pinned", "licence", "source", "purpose"]
    output.echo_table(header, [[str(row[key]) for key in header] for row in rows])


@models.command()
@click.argument("name")
@click.option(
    "--from",
    "given",
    type=click.Path(exists=True, path_type=Path),
    metavar="WHEEL_OR_FOLDER",
    help="Take the files from disk instead of the network.",
)
@click.option("--revision", metavar="COMMIT", help="Of a Hugging Face Hub repository; recorded at the first fetch.")
@click.option("--accept-licence", is_flag=True, help="Agree to the licence of a model that asks for it.")
def fetch(name: str, given: Path | None, revision: str | None, accept_licence: bool) -> None:
    r"""Fetch a model into the cache, replacing any copy there.

    An interrupted download from the Hugging Face Hub continues where it stopped.

    A model that is not pinned yet is trusted at its first fetch: the commit and every SHA-256 are recorded beside it,
    by which `verify` and every use check the files.

    \b
        deidkit models fetch hands
        deidkit models fetch hands --from mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl
        deidkit models fetch paint-by-example --from FOLDER
        deidkit models fetch wilor --accept-licence
    """
    from deidkit import models as registry
    from deidkit.errors import UsageError

    if given is not None and revision is not None:
        raise UsageError("--revision names what to download; files given with --from are taken as they are.")
    model = registry.find(name)
    first = not model.pinned and registry.recorded(name) is None
    if first:
        output.echo(
            f"No SHA-256 of '{name}' is known yet: this download is trusted and recorded; later use is verified by it.",
            err=True,
        )
    if given is not None:
        place = registry.take(name, given, accept=accept_licence)
    else:
        if accept_licence or not model.terms:
            output.echo(f"Fetching {model.source.title}; licence: {model.licence}.", err=True)
        place = registry.fetch(name, revision=revision, accept=accept_licence)
    checked = "their SHA-256 recorded for later" if first else "every file as recorded"
    output.echo(f"Model '{name}' ({model.licence}) is in {place}, {checked}.")


@models.command()
@click.argument("names", nargs=-1)
def verify(names: tuple[str, ...]) -> None:
    """Verify model files by their SHA-256, pinned or recorded at the first fetch: all in the cache, or those named.

    Exit code 1 when a file is damaged, or a model named is not here.
    """
    from deidkit import models as registry
    from deidkit.errors import MissingModel

    bad = False
    for name in names or [model.name for model in registry.installed()]:
        try:
            states = registry.state(name)
        except MissingModel as error:
            bad = True
            output.echo(f"{name}: {error}", err=True)
            continue
        for file, state in states.items():
            bad |= state == "damaged" or (state == "absent" and name in names)
            output.echo(f"{name} {file}: {state}")
    if bad:
        raise click.exceptions.Exit(1)


@models.command()
@click.argument("name")
def path(name: str) -> None:
    """Print the folder that holds a model's files, after checking them."""
    from deidkit import models as registry

    output.echo(registry.path(name))


@models.command()
@click.argument("name")
def remove(name: str) -> None:
    """Remove a model's files from the cache, and what was recorded about them."""
    from deidkit import models as registry

    output.echo(f"Model '{name}' is removed: {registry.remove(name) / 1e6:.1f} MB.")


def _row(model: Model) -> dict[str, object]:
    from deidkit import models as registry

    return {
        "name": model.name,
        "purpose": model.purpose,
        "state": _overall(model.name),
        "megabytes": round(model.size / 1e6, 1) if model.size is not None else None,
        "licence": model.licence,
        "terms": model.terms,
        "source": model.source.title,
        "pinned": _pinned(model),
        "files": _or_none(lambda: registry.hashes(model.name)),
    }


def _overall(name: str) -> str:
    """Worst state among a model's files."""
    from deidkit import models as registry

    states = _or_none(lambda: registry.state(name, contents=False))
    if states is None:
        return "unreadable"
    return next(state for state in ("damaged", "absent", "ok") if state in states.values())


def _or_none(read: Callable[[], Found]) -> Found | None:
    """Call `read`; None if the model's record cannot be read, which `verify` explains."""
    from deidkit.errors import MissingModel

    try:
        return read()
    except MissingModel:
        return None


def _pinned(model: Model) -> str:
    """How a model's files are pinned."""
    from deidkit import models as registry

    if model.pinned:
        return "by deidkit"
    record = _or_none(lambda: registry.recorded(model.name))
    if record is None:
        return "on first fetch"
    return f"at {record.revision[:12]}" if record.revision else "by what was given"
