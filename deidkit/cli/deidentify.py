"""``deidkit deidentify``: pictures through an engine, names and formats kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deidkit.cli import output
from deidkit.cli.configuration import config_option
from deidkit.cli.shared import (
    Folder,
    PluginText,
    analyzer_option,
    palm_option,
    quiet_option,
    segmenter_option,
    threads_option,
)

if TYPE_CHECKING:
    from deidkit.pipeline import Deidentification


@click.command()
@click.argument("source", metavar="IN", type=click.Path(path_type=Path, exists=True))
@click.argument("target", metavar="OUT", type=Folder(path_type=Path))
@click.option(
    "--engine",
    type=PluginText("engine"),
    required=True,
    metavar="NAME[:OPTIONS]",
    help="Anonymizer, e.g. pixelate:block=16.",
)
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True,
              help="Copies of each picture, named NAME_de-id_1 ..., by engines that can make several.")  # fmt: skip
@click.option("--kind", type=click.Choice(["hand", "roi"]), default="hand", show_default=True,
              help="Whether the pictures show whole hands or palm regions already cut out.")  # fmt: skip
@palm_option
@analyzer_option
@segmenter_option
@click.option("--overwrite", is_flag=True, help="Make existing copies again. Originals are never touched.")
@threads_option
@click.option("--cluster", default="", metavar="local:N|tcp://HOST:PORT",
              help="Make copies in N processes, or on the workers of a Dask scheduler.")  # fmt: skip
@click.option("--isolate", is_flag=True,
              help="Run the engine in a separate process, which cannot end or influence this one.")  # fmt: skip
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print the outcome for each picture as JSON.")
@quiet_option
def deidentify(source: Path, target: Path, **options: Any) -> None:
    r"""De-identify a picture, or every picture in a folder and below it.

    Copies keep name and format, are upright and carry no metadata. HEIC and GIF are read and not written: such a
    picture fails in a folder, and by itself gets the format of its copy's name. What is already in OUT from the same
    engine is not made again, so an interrupted run resumes. A picture that fails does not stop the others.

    \b
    Examples:
        deidkit deidentify hands/ copies/ --engine pixelate
        deidkit deidentify hand.jpg copy.jpg --engine blur:sigma=12

    Exit codes: 0 all done, 2 something failed.
    """
    from deidkit.pipeline import DeidentificationPlan
    from deidkit.pipeline import deidentify as run

    as_json, quiet = options.pop("as_json"), options.pop("quiet")
    plan = DeidentificationPlan(source=source, target=target, **options)
    with output.only_results(as_json):
        done = run(plan, output.progress(quiet))
    _show_notes(done, plan.seeds)
    if as_json:
        _echo_json(done)
    else:
        _show(done)
    if done.failed:
        raise click.exceptions.Exit(2)


def _show_notes(done: Deidentification, requested: int) -> None:
    label = done.engine.label
    if len(done.seeds) < requested:
        output.echo(f"note: {label} gives the same result for every seed, so there is one copy.", err=True)
    if done.engine.control:
        output.echo(f"note: {label} is a control; what it writes is not de-identified.", err=True)


def _echo_json(done: Deidentification) -> None:
    output.echo_json(
        {
            "engine": done.engine.label,
            "seeds": done.seeds,
            "written": done.count("written"),
            "already_there": done.count("already there"),
            "failed": [
                {"file": one.file, "seed": one.seed, "stage": one.stage, "reason": one.reason} for one in done.failed
            ],
            "other_files": done.other_files,
        }
    )


def _show(done: Deidentification) -> None:
    for one in done.failed:
        copy = f", copy {one.seed + 1}" if one.seed is not None and len(done.seeds) > 1 else ""
        output.echo(f"{one.file}{copy}: {one.reason}", err=True)
    if any("no hand" in one.reason for one in done.failed):
        output.echo("If the pictures are palm regions already cut out, add --kind roi.", err=True)
    counts = [f"{done.count('written')} written", f"{done.count('already there')} already there"]
    counts.append(f"{len(done.failed)} failed")
    if done.other_files:
        counts.append(f"{done.other_files} other files left alone")
    output.echo(f"{done.engine.label}: {', '.join(counts)}")
