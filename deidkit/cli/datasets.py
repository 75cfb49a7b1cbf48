"""``deidkit datasets``: which data sets are supported, and what one of them contains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from deidkit.cli import output
from deidkit.cli.groups import Group
from deidkit.cli.shared import quiet_option

if TYPE_CHECKING:
    from deidkit.cli.suspects import Suspect
    from deidkit.datasets import Inspection
    from deidkit.hand.census import HandCensus
    from deidkit.progress import Progress
    from deidkit.protocols import Dataset, Sample
    from deidkit.result import Component

EXAMPLES = 3
"""Number of samples shown as examples."""

LISTED = 20
"""Maximum number of listed files, sizes or names in text output; JSON has them all."""


@click.group(cls=Group)
def datasets() -> None:
    """List supported data sets, or check one before spending hours on it."""


@datasets.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_adapters(as_json: bool) -> None:
    """List the adapters, the layout each expects, and where to get the data."""
    import inspect

    from deidkit import plugins
    from deidkit.errors import DeidkitError
    from deidkit.registered import distribution

    rows = []
    for entry in plugins.installed("dataset"):
        row = {"name": entry.name, "package": distribution(entry), "about": "", "layout": "", "source": ""}
        try:
            adapter = plugins.load("dataset", entry.name)
            row["about"] = (inspect.getdoc(adapter) or "").partition("\n")[0]
            row |= {name: getattr(adapter, name, "") for name in ("layout", "source")}
        except DeidkitError as error:
            row["about"] = str(error)
        rows.append(row)
    if as_json:
        output.echo_json(rows)
        return
    columns = ["name", "about", "layout", "source"]
    output.echo_table(columns, [[row[column] for column in columns] for row in rows])
    output.echo("Use one as NAME:PATH, or give only the path if the names show the layout.")


@datasets.command()
@click.argument("dataset", metavar="PATH|NAME[:PATH]")
@click.option("--exclude", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
              help="CSV with the column key: samples to leave out.")  # fmt: skip
@click.option("--write-exclusions", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Write the samples that were left out as such a CSV, with the reasons.")  # fmt: skip
@click.option(
    "--decode", is_flag=True, help="Decode every picture: slower, finds all damage, counts the hands in each."
)
@click.option("--recognizer", metavar="NAME[:OPTIONS]",
              help="Also list labels that the pictures contradict: samples of two identities that this recognizer "
              "finds more alike than half of the genuine pairs.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@quiet_option
def check(
    dataset: str,
    exclude: Path | None,
    write_exclusions: Path | None,
    decode: bool,
    recognizer: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    r"""Show what a data set holds, what is left out and why, and what occurs twice.

    \b
    Examples:
        deidkit datasets check hands/
        deidkit datasets check iitd:'IITD Palmprint V1',kind=roi
        deidkit datasets check coep:coep/,aliases=same-people.csv --exclude bad.csv

    Exit codes: 0 usable, 2 not.
    """
    from deidkit import datasets as library
    from deidkit.cli.suspects import find_suspects
    from deidkit.pipeline import open_dataset

    progress = output.progress(quiet)
    opened, component = open_dataset(dataset, progress.note)
    found = library.inspect_dataset(opened, exclude=exclude, progress=progress, decode=decode)
    if write_exclusions:
        keys = {sample.key for sample in opened.samples()}
        library.write_exclusions(write_exclusions, [item for item in found.excluded if item.key in keys])
    summary = DatasetCheck.of(component, found)
    if decode:
        hands = _hands(opened, found, progress)
        summary.hands_per_picture, summary.sides = hands.hands_per_picture, hands.sides
        summary.notes = [*found.notes, *hands.notes()]
    if recognizer and not found.problem:
        suspects = find_suspects(opened, found.samples, recognizer, progress)
        summary.suspects, summary.without_template = suspects.pairs, suspects.without_template
    if as_json:
        output.echo_json(summary)
    else:
        _show(summary)
    if found.problem:
        if not as_json:
            output.echo(f"Error: this data set cannot be audited: {found.problem}.", err=True)
        raise click.exceptions.Exit(2)


class SampleExample(msgspec.Struct):
    """What was understood of one sample."""

    key: str
    subject: str
    hand: str | None
    session: str | None
    kind: str


class DatasetCheck(msgspec.Struct, kw_only=True):
    """What a check found, as JSON prints it; numbers of samples by value, e.g. by session.

    Attributes:
        path: Folder or manifest; None where the adapter needs none.
        left_out: Reason -> number of files.
        problem: Why it cannot be audited; None where it can.
        hands_per_picture: With ``--decode`` only, as `sides`.
        suspects: With ``--recognizer`` only, as `without_template`, the number of samples that were not compared.
    """

    adapter: str
    path: object
    samples: int
    subjects: int
    identities: int
    sessions: dict[str, int]
    hands: dict[str, int]
    kinds: dict[str, int]
    sizes: dict[str, int]
    examples: list[SampleExample]
    left_out: dict[str, int]
    left_out_files: list[dict[str, str]]
    aliases: list[list[str]]
    single: list[str]
    notes: list[str]
    fingerprint: str
    problem: str | None
    hands_per_picture: dict[int, int] | msgspec.UnsetType = msgspec.UNSET
    sides: dict[str, int] | msgspec.UnsetType = msgspec.UNSET
    suspects: list[Suspect] | msgspec.UnsetType = msgspec.UNSET
    without_template: int | msgspec.UnsetType = msgspec.UNSET

    @classmethod
    def of(cls, component: Component, found: Inspection) -> DatasetCheck:
        """Summarize an inspection."""
        samples = found.samples
        return cls(
            adapter=component.label,
            path=component.options.get("root"),
            samples=len(samples),
            subjects=len({sample.subject for sample in samples}),
            identities=len({sample.identity for sample in samples}),
            sessions=_counts(sample.session or "not told" for sample in samples),
            hands=_counts(sample.hand or "not told" for sample in samples),
            kinds=_counts(sample.kind for sample in samples),
            sizes=_counts(f"{size[0]}x{size[1]}" if size else "generated" for size in found.sizes),
            examples=[SampleExample(s.key, s.subject, s.hand, s.session, s.kind) for s in _spread(samples)],
            left_out={item.reason: item.count for item in found.exclusions},
            left_out_files=[{"key": item.key, "reason": item.reason} for item in found.excluded],
            aliases=[list(group) for group in found.aliases],
            single=found.single,
            notes=found.notes,
            fingerprint=found.fingerprint,
            problem=found.problem or None,
        )


def _hands(dataset: Dataset, found: Inspection, progress: Progress) -> HandCensus:
    """Count hands per picture; or return why not, if the models are not available."""
    from deidkit import defaults, plugins
    from deidkit.errors import MissingDependency, MissingModel
    from deidkit.hand.census import HandCensus, count_hands

    whole = sum(sample.kind == "hand" for sample in found.samples)
    if not whole:
        return HandCensus()
    try:
        analyzer = plugins.create("hand_analyzer", defaults.HAND_ANALYZER, note=progress.note).plugin
    except (MissingDependency, MissingModel) as error:
        return HandCensus(failures={str(error).rstrip("."): whole})
    return count_hands(dataset, found.samples, analyzer, progress)


def _counts(values: Any) -> dict[str, int]:
    return dict(Counter(values).most_common())


def _spread(samples: Sequence[Sample]) -> list[Sample]:
    """Choose evenly spaced items, including the first and the last."""
    last = len(samples) - 1
    positions = sorted({round(step * last / (EXAMPLES - 1)) for step in range(EXAMPLES)}) if samples else []
    return [samples[position] for position in positions]


def _show(summary: DatasetCheck) -> None:
    from deidkit.datasets.inspection import counted

    output.echo(
        f"{summary.adapter}: {counted(summary.samples, 'sample', 'samples')}, "
        f"{counted(summary.subjects, 'subject', 'subjects')}, {counted(summary.identities, 'identity', 'identities')}"
    )
    for name in ("sessions", "hands", "kinds", "sizes", "hands_per_picture", "sides"):
        if counts := getattr(summary, name):
            shown = [f"{value} ({count})" for value, count in list(counts.items())[:LISTED]]
            more = f" and {len(counts) - LISTED} more" if len(counts) > LISTED else ""
            output.echo(f"  {name.replace('_', ' '):<9} {', '.join(shown)}{more}")
    if summary.examples:
        rows = [[e.key, e.subject, e.hand or "-", e.session or "-", e.kind] for e in summary.examples]
        output.echo_table(["name", "subject", "hand", "session", "kind"], rows, title="Understood, for example")
    if summary.left_out:
        first: dict[str, str] = {}
        for item in summary.left_out_files:
            first.setdefault(item["reason"], item["key"])
        output.echo_table(
            ["reason", "count", "for example"],
            [[reason, str(count), first[reason]] for reason, count in summary.left_out.items()],
            title="Left out",
        )
    for group in summary.aliases[:LISTED]:
        output.echo(f"share a picture: {' = '.join(group)}")
    if len(summary.aliases) > LISTED:
        output.echo(f"share a picture: {len(summary.aliases) - LISTED} more groups, see --json")
    for note in summary.notes:
        output.echo(f"note: {note}")
    if isinstance(summary.suspects, list):
        _show_suspects(summary.suspects, summary.without_template)
    output.echo(f"fingerprint: {summary.fingerprint}")


def _show_suspects(suspects: Sequence[Suspect], without_template: object) -> None:
    if without_template:
        output.echo(f"note: {without_template} samples gave no template and were not compared.")
    if not suspects:
        output.echo("No label is contradicted: no two identities are closer than the genuine median.")
        return
    output.echo_table(
        ["sample", "of another identity", "distance", "comparisons as close"],
        [[*suspect.keys, f"{suspect.distance:.6g}", f"{suspect.closer:.0%}"] for suspect in suspects[:LISTED]],
        title=f"Labels that the pictures contradict ({len(suspects)} pairs of identities): look at the pictures",
    )
