"""``deidkit audit``: the main job."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deidkit.cli import output
from deidkit.cli.configuration import config_option
from deidkit.cli.shared import FOLDER, TEXTS, command_line, db_option

if TYPE_CHECKING:
    from deidkit.audit import Outcome
    from deidkit.result import AuditResult, Estimate

COLUMNS = {
    "DIR %": "deid_ratio_percent",
    "d' copy/genuine": "d_prime_genuine_deidentified",
    "RR %": "rejection_rate_percent",
    "rank-1 %": "rank_1_percent",
    "linkage EER %": "linkage_eer_percent",
}
"""Columns of the short result table: heading -> metric of a cell."""


@click.command()
@click.option("--dataset", default="synthetic", show_default=True, metavar="PATH|NAME[:PATH]",
              help="Folder, manifest, or an adapter and its folder; see: deidkit datasets list")  # fmt: skip
@click.option("--engine", "engine", multiple=True, type=TEXTS, metavar="NAME[:OPTIONS]",
              help="Anonymizer, e.g. pixelate:block=16 or folder:PATH. May be given several times.")  # fmt: skip
@click.option("--recognizer", multiple=True, type=TEXTS, metavar="NAME[:OPTIONS]",
              help="Recognizer that tries to re-identify, e.g. mtcc:preset=B. May be given several times.")  # fmt: skip
@click.option("--quality", multiple=True, type=TEXTS, metavar="NAME[:OPTIONS]",
              help="Further measure of quality: lpips, fid. May be given several times.")  # fmt: skip
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True,
              help="Copies of each picture by engines that can make several; diversity needs two.")  # fmt: skip
@click.option("--require", multiple=True, type=TEXTS, metavar="'METRIC >= NUMBER'",
              help="Held against the unfavourable end of the interval; exit code 1 if one fails.")  # fmt: skip
@click.option("--output", type=FOLDER, metavar="DIR",
              help="Folder for the report. Default: a new one in deidkit-audit.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace a report that is already in the output folder.")
@db_option
@config_option
@click.option("--resume", is_flag=True, help="Go on with an interrupted audit of the same options.")
@click.option("--format", "formats", multiple=True, type=TEXTS, default=["html", "json"], show_default=True,
              help="Report format: html, json, csv, latex. May be given several times.")  # fmt: skip
@click.option("--include-originals", is_flag=True,
              help="Show originals in the report: biometric data, to be kept as such.")  # fmt: skip
@click.option("--exclude", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
              help="CSV of samples to leave out; see: deidkit datasets check")  # fmt: skip
@click.option("--roi-from", type=click.Choice(["deidentified", "original"]), default="deidentified", show_default=True,
              help="Find a copy's palm anew, or place it where the original's is.")  # fmt: skip
@click.option("--palm", type=click.Choice(["paper", "program", "region"]), default="paper", show_default=True,
              help="Palm of the published text, of its authors' program, or with what recognizers read.")  # fmt: skip
@click.option("--analyzer", default="mediapipe", show_default=True, help="Hand analyzer.")
@click.option("--segmenter", default="grabcut", show_default=True, help="Hand segmenter.")
@click.option("--roi-rule", default="valley", show_default=True, help="Rule that places the palm's region of interest.")
@click.option("--resamples", type=click.IntRange(0), default=1000, show_default=True,
              help="Bootstrap resamples of the subjects for the intervals; 0 for none.")  # fmt: skip
@click.option("--bootstrap-seed", type=int, default=0, show_default=True, help="Seed of the bootstrap.")
@click.option("--threads", type=click.IntRange(1), default=os.cpu_count() or 1, help="Worker threads. Default: all.")
@click.option("--work", type=FOLDER, metavar="DIR",
              help="Keep templates (biometric data) here, for later audits to use again.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the whole result as JSON on standard output.")
@click.option("--quiet", is_flag=True, help="No progress.")
def audit(**options: Any) -> None:
    r"""Audit anonymizers: how much identity they leave, at what cost.

    Every engine is measured against every recognizer; the report compares them side by side.

    \b
    Examples:
        deidkit audit --engine pixelate --recognizer mtcc
        deidkit audit --dataset hands/ --engine identity --engine folder:vendor-output/ --recognizer mtcc
        deidkit audit --engine blur --recognizer mtcc --require 'rejection_rate_percent >= 95'

    Exit codes: 0 done, 1 a stated requirement failed, whatever else could not be evaluated, 2 could not evaluate.
    """
    from deidkit.audit import AuditPlan, Execution, run_audit

    plan = AuditPlan(
        dataset=options["dataset"],
        engines=tuple(options["engine"]),
        recognizers=tuple(options["recognizer"]),
        quality=tuple(options["quality"]),
        requirements=tuple(options["require"]),
        **{
            name: options[name]
            for name in [
                "seeds",
                "analyzer",
                "segmenter",
                "roi_rule",
                "palm",
                "roi_from",
                "exclude",
                "resamples",
                "bootstrap_seed",
                "include_originals",
            ]
        },
    )
    execution = Execution(
        db=options["db"],
        output=options["output"],
        resume=options["resume"],
        overwrite=options["overwrite"],
        work=options["work"],
        threads=options["threads"],
        command=command_line(),
        formats=options["formats"],
    )
    outcome = run_audit(plan, execution, output.progress(options["quiet"]))
    if options["as_json"]:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(outcome.result)).decode())
    else:
        _show(outcome.result)
        for path in outcome.written:
            click.echo(f"report: {path}")
    say_after(outcome)
    status = outcome.result.verdict.status
    if status == "FAIL":  # however incomplete the evidence is, it is enough for that
        raise click.exceptions.Exit(1)
    raise click.exceptions.Exit(
        2 if status == "INCONCLUSIVE" or outcome.result.raised or not evaluated(outcome.result) else 0
    )


def evaluated(result: AuditResult) -> bool:
    """Whether anything was found out about any copies."""
    return any(cell.metrics["deid_ratio_percent"].value is not None for cell in result.cells)


def say_after(outcome: Outcome) -> None:
    """Say on standard error what the evidence lacks, and what other audits left."""
    for sentence in outcome.result.raised:
        click.echo(f"incomplete evidence: {sentence}", err=True)
    for sentence in outcome.abandoned:
        click.echo(f"note: {sentence}", err=True)


def _show(result: AuditResult) -> None:
    output.echo_table(
        ["recognizer", "EER %", "d'", "rank-1 %"],
        [
            [
                r.component.label,
                _text(r.metrics["eer_percent"]),
                _text(r.metrics["d_prime_genuine_impostor"]),
                _text(r.metrics["rank_1_percent"]),
            ]
            for r in result.recognizers
        ],
        title=f"Originals: {result.dataset.samples} samples of {result.dataset.subjects} subjects",
    )
    for component in [*(e.component for e in result.engines), *(r.component for r in result.recognizers)]:
        if component.remark:
            click.echo(f"{component.label}: {component.remark}.")
    controls = {engine.component.label for engine in result.engines if engine.component.control}
    for engine in result.engines:
        label = engine.component.label
        if engine.produced < engine.expected:
            click.echo(f"{label}: made {engine.produced} of {engine.expected} copies; the report says why.")
        for found in engine.coverage:
            if found.serious:
                click.echo(f"{label}: {found.count} x {found.explanation}.")
    output.echo_table(
        ["engine", "recognizer", *COLUMNS],
        [
            [
                f"{cell.engine} [control]" if cell.engine in controls else cell.engine,
                cell.recognizer,
                *(_text(cell.metrics[name]) for name in COLUMNS.values()),
            ]
            for cell in result.cells
        ],
        title="Copies. DIR: De-identification Ratio, 100 % as far as an impostor; RR: rejected at the EER threshold",
    )
    for note in [*result.dataset.notes, *result.notes]:
        click.echo(f"note: {note}")
    shown = [cell.metrics[name] for cell in result.cells for name in COLUMNS.values()]
    for said in sorted({f"{estimate.reason} {estimate.remedy}".strip() for estimate in shown if estimate.reason}):
        click.echo(f"not computed: {said}")
    click.echo(f"verdict: {result.verdict.status}. {result.verdict.sentence}")
    for judged in result.verdict.requirements:
        if judged.status != "PASS":
            against = f" against {judged.recognizer}" if judged.recognizer else ""
            click.echo(f"  {judged.status}: '{judged.text}', {judged.engine}{against}: {judged.explanation}")


def _text(estimate: Estimate) -> str:
    if estimate.value is None:
        return "not computed"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.2f}"
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"
