"""``deidkit compare``: the differences between audits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from deidkit.cli import output
from deidkit.cli.configuration import store_options
from deidkit.cli.shared import TEXTS, complete_audit

if TYPE_CHECKING:
    from deidkit.audit_changes import Change, Comparison, EngineChange
    from deidkit.result import Estimate

FORMATS = ("html", "json", "markdown", "junit")


@click.command()
@click.argument("audits", nargs=-1, required=True, metavar="A B [C ...]", shell_complete=complete_audit)
@click.option("--format", "format_", type=click.Choice(FORMATS),
              help="Write the comparison in this format instead of a table.")  # fmt: skip
@click.option("--output", "target", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="File to write. Default: standard output; comparison.html for html.")  # fmt: skip
@click.option(
    "--force",
    is_flag=True,
    help="Compare audits of other data, recognizers or versions, too, and list the differences.",
)
@click.option("--metric", "metrics", multiple=True, type=TEXTS, metavar="METRIC",
              help="Compare this number only, e.g. rank_1_percent. May be given several times.")  # fmt: skip
@click.option("--fail-if-worse", is_flag=True,
              help="Exit with 1 where any number is worse, with 2 where one is not computed any more.")  # fmt: skip
@store_options
def compare(
    audits: tuple[str, ...],
    format_: str | None,
    target: Path | None,
    force: bool,
    metrics: tuple[str, ...],
    fail_if_worse: bool,
    db: str,
) -> None:
    r"""Compare audits B, C ... with A: each number is better, worse or within the noise.

    An audit is an id in the score store, the beginning of one, 'latest', or the path of a report.json or of its folder.
    Where it has several engines, one may be named after a slash (after two colons where it is a path). Where both
    measured the same people, differences are taken person by person; of reports in files, from their intervals.

    \b
    Examples:
        deidkit compare 20261129-183657 latest
        deidkit compare 20261129-183657/blur 20261129-183657/pixelate
        deidkit compare main/report.json branch/report.json --format markdown --fail-if-worse

    Exit codes: 0 done, 1 with --fail-if-worse where a number is worse, 2 not comparable.
    """
    from deidkit.audit_comparison import compare as compare_sides
    from deidkit.audit_comparison import load_sides
    from deidkit.errors import UsageError

    if len(audits) < 2:
        raise UsageError("compare takes two audits or more; see what is stored with: deidkit db list")
    comparison = compare_sides(load_sides(audits, db), force=force)
    if metrics:
        comparison = _of_metrics(comparison, metrics)
    if format_ is None:
        _show(comparison)
    else:
        _write(comparison, format_, target or (Path("comparison.html") if format_ == "html" else None))
    if not fail_if_worse:
        return
    lost = _lost(comparison)
    for what in lost:
        output.echo(f"not computed any more: {what}", err=True)
    raise click.exceptions.Exit(1 if comparison.worse else 2 if lost else 0)


_SMALL = frozenset({"ratio", "probability", "distance", "similarity"})
"""Units whose values mostly lie between 0 and 1, and need more than one decimal."""


def _lost(comparison: Comparison) -> list[str]:
    """Describe what the first audit measured and another did not: whole engines, then single numbers."""
    engines = [f"any number of {label}" for other in comparison.others for label in other.removed]
    return engines + [
        f"{change.title}{f' of {change.recognizer}' if change.recognizer else ''}" for change in comparison.lost
    ]


def _of_metrics(comparison: Comparison, names: Sequence[str]) -> Comparison:
    """Restrict a comparison to some metrics. Raises UsageError if one occurs in neither audit."""
    from deidkit.errors import UsageError, did_you_mean
    from deidkit.findings import FINDING_COUNTS, FINDING_TYPES
    from deidkit.verdict import metric_called

    found = {change.metric for change in comparison.changes}
    called = [metric_called(name) for name in names]
    metrics = [FINDING_COUNTS[metric].name if metric in FINDING_COUNTS else metric for metric in called]
    for name, metric in zip(names, metrics, strict=True):
        if metric not in found and metric not in FINDING_TYPES:  # a finding in neither audit counts 0 in both
            hint = did_you_mean(metric, sorted(found)) or f" They have: {', '.join(sorted(found))}."
            raise UsageError(f"the audits have no number '{name}' in common.{hint}")
    return comparison.of_metrics(metrics)


def _write(comparison: Comparison, format_: str, target: Path | None) -> None:
    from deidkit import plugins

    writer = plugins.create("report", format_).plugin
    with TemporaryDirectory() as folder:
        text = Path(writer.write_comparison(comparison, Path(folder))[0]).read_text(encoding="utf-8")
    output.print_or_write(text, target)


def _show(comparison: Comparison) -> None:
    for other in comparison.others:
        for difference in other.unlike:
            output.echo(f"not alike: {difference}")
        for engine in other.engines:
            shown = [c for c in engine.changes if c.headline or c.direction in ("better", "worse")]
            output.echo_table(
                ["number", "recognizer", "before", "after", "difference (95 %)", ""],
                [_row(change) for change in shown],
                title=f"{engine.after}, audit {other.audit.audit_id}, against {engine.before}, audit "
                f"{comparison.first.audit_id}",
            )
            output.echo(f"{engine.sentence}{_verdicts(engine)}")
        for sentence in other.unpaired:
            output.echo(f"note: {sentence}")
    output.echo("Each number has its own 95 % interval: about one in twenty would be better or worse by chance alone.")


def _row(change: Change) -> list[str]:
    difference = change.difference
    shown = _text(difference, sign="+")
    if difference.low is not None and difference.high is not None and not difference.exact:
        shown += f" [{difference.low:.{_digits(difference)}f}, {difference.high:.{_digits(difference)}f}]"
    return [change.title, change.recognizer, _text(change.before), _text(change.after), shown, change.direction]


def _text(estimate: Estimate | None, sign: str = "") -> str:
    if estimate is None:
        return "not measured"
    if estimate.value is None:
        return "not computed"
    return f"{estimate.value:{sign}.{_digits(estimate)}f}"


def _digits(estimate: Estimate) -> int:
    return 0 if estimate.exact else 3 if estimate.unit in _SMALL else 1


def _verdicts(engine: EngineChange) -> str:
    if not engine.verdict_before and not engine.verdict_after:
        return ""
    return f" Verdict: {engine.verdict_before or 'not judged'} before, {engine.verdict_after or 'not judged'} after."
