"""``deidkit plugins``: what is installed, from which package, and what is broken."""

from __future__ import annotations

import inspect
from importlib.metadata import EntryPoint
from typing import Any

import click

from deidkit.cli import output


@click.command()
@click.option("--kind", help="Only one kind, e.g. engine or recognizer.")
@click.option("--options", "with_options", is_flag=True, help="List every option of every plugin.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def plugins(kind: str | None, with_options: bool, as_json: bool) -> None:
    """List installed plugins, the package each comes from, and what is broken about them."""
    from deidkit import plugins as registry
    from deidkit.errors import UsageError

    if kind and kind not in registry.CONTRACTS:
        raise UsageError(f"there is no kind of plugin '{kind}'; the kinds: {', '.join(registry.CONTRACTS)}.")
    rows = [_row(one, entry) for one in ([kind] if kind else registry.CONTRACTS) for entry in registry.installed(one)]
    if as_json:
        output.echo_json(rows)
    elif with_options:
        for row in rows:
            click.secho(f"{row['kind']} {row['name']}", bold=True, nl=False)
            output.echo(f"  {row['state'] if row['state'] != 'ok' else row['about']}")
            for option in row["options"]:
                output.echo(f"    {option['name']}={option['default']}  {option['help']}")
    else:
        output.echo_table(
            ["kind", "name", "package", "state", "about"],
            [[r["kind"], r["name"], r["package"], r["state"], r["about"]] for r in rows],
        )


def _row(kind: str, entry: EntryPoint) -> dict[str, Any]:
    from deidkit import options, plugins
    from deidkit.errors import DeidkitError
    from deidkit.registered import distribution

    row = {"kind": kind, "name": entry.name, "package": distribution(entry)}
    try:
        loaded = plugins.load(kind, entry.name)
        plugins.check_class(kind, entry.name, loaded)
    except DeidkitError as error:
        return {**row, "state": str(error), "about": "", "options": []}
    about = (inspect.getdoc(loaded) or "").partition("\n")[0]
    declared = [
        {
            "name": name,
            "default": "(required)" if options.is_required(field) else str(options.default(field)),
            "help": field.metadata.get("help", ""),
        }
        for name, field in options.declared(loaded).items()
    ]
    return {**row, "state": "ok", "about": about, "options": declared}
