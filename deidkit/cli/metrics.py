"""``deidkit metrics``: every score metric from scores alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deidkit.cli import output

if TYPE_CHECKING:
    from deidkit.result import Estimate


WORTH_MENTIONING = 0.05
"""Difference, in percentage points, from which the range over equally good thresholds is shown."""


def _list(ctx: click.Context, param: click.Parameter, wanted: bool) -> None:
    if not wanted:
        return
    from deidkit.measures.registry import OF_ATTACKS, OF_CELLS, OF_RECOGNIZERS, described, of_engines

    for records, title in (
        (OF_RECOGNIZERS, "A recognizer on originals"),
        (OF_CELLS, "An engine against a recognizer; --require takes these"),
        (OF_ATTACKS, "The strongest attack on an engine; --require takes these"),
        (of_engines(), "What an engine made; --require takes these"),
    ):
        output.echo(f"{title}:\n")
        for record in records:
            output.echo(f"  {record.name}\n    {described(record)}\n")
    ctx.exit()


@click.command()
@click.argument("scores", type=click.Path(path_type=Path))
@click.option("--similarity", is_flag=True, help="The scores are similarities: higher means more alike.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--list", is_flag=True, is_eager=True, expose_value=False, callback=_list,
              help="List every metric with its definition, and end.")  # fmt: skip
def metrics(scores: Path, similarity: bool, as_json: bool) -> None:
    r"""Compute every score metric from the scores in a file: npz, csv or parquet.

    The file holds arrays or columns named genuine and impostor, and where there are any deidentified,
    deidentified_other, deidentified_nonmated, diversity, linkage_mated, linkage_nonmated. Columns may differ in length.

    Intervals need the subjects: KIND_subject, or KIND_probe_subject and KIND_reference_subject, in addition to KIND.

    \b
    A CSV or Parquet file may instead be long: columns kind, score and, for intervals, probe_subject and
    reference_subject. With columns probe and reference, which name the pictures, a comparison that is
    written twice counts once.
    """
    from deidkit.cli.scorefiles import read_scores
    from deidkit.measures import IntervalSettings, score_estimates
    from deidkit.measures.orientation import in_similarities

    read = read_scores(scores, similarity=similarity)
    sets, with_subjects = read.sets, not read.no_intervals
    estimates = {
        name: estimate
        for name, estimate in score_estimates(sets, IntervalSettings() if with_subjects else None).items()
        if estimate.value is not None or set(sets) > {"genuine", "impostor"} or estimate.comparisons is not None
    }
    if not with_subjects:
        estimates = {name: replace(estimate, subjects=None) for name, estimate in estimates.items()}
    if similarity:
        estimates = in_similarities(estimates)
    if as_json:
        plain = {name: estimate.value for name, estimate in estimates.items()}
        more = {"failures_to_acquire": read.failures, "notes": read.notes, "estimates": estimates}
        output.echo_json({**plain, **more})
        return
    output.echo_table(
        ["metric", "value", "unit", "95 % interval", "subjects", "comparisons"],
        [_row(name, estimate, with_subjects) for name, estimate in estimates.items()],
    )
    for note in read.notes:
        output.echo(f"note: {note}.")
    for kind, count in read.failures.items():
        output.echo(f"failures to acquire: {count} {kind} comparisons have no score and are left out.")
    for name, estimate in estimates.items():
        if text := _threshold_range(estimate) or _without_linkage(estimate):
            output.echo(f"{name}: {text}")
    if read.no_intervals:
        output.echo(read.no_intervals)


def _threshold_range(estimate: Estimate) -> str:
    """Range of a rate over all thresholds as good as the EER threshold; empty if it hardly varies."""
    low, high = estimate.threshold_range or (0.0, 0.0)
    if high - low < WORTH_MENTIONING:
        return ""
    return f"{low:.4g} to {high:.4g} % over the thresholds at which the error rates on originals are the same"


def _without_linkage(estimate: Estimate) -> str:
    """Value of an upwards biased metric without any linkage; empty for other metrics."""
    mean, upper = (estimate.parameters.get(f"{what}_without_linkage") for what in ("mean", "95_percent_point"))
    if mean is None or upper is None:
        return ""
    return f"as many scores without any linkage give {mean:.3f} on average, and up to {upper:.3f} in 95 % of cases"


def _row(name: str, estimate: Estimate, with_subjects: bool) -> list[str]:
    if estimate.value is None:
        return [name, "not computed", "", f"{estimate.reason} {estimate.remedy}".strip(), "", ""]
    known = estimate.low is not None and estimate.high is not None
    return [
        name,
        f"{estimate.value:.6g}",
        estimate.unit,
        f"{estimate.low:.4g} to {estimate.high:.4g}" if known else estimate.interval if with_subjects else "",
        str(estimate.subjects) if with_subjects and estimate.subjects is not None else "",
        str(estimate.comparisons) if estimate.comparisons is not None else "",
    ]
