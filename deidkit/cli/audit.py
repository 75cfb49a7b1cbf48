"""``deidkit audit``: the main job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deidkit import defaults
from deidkit.cli import output
from deidkit.cli.audit_summary import show_result
from deidkit.cli.configuration import config_option
from deidkit.cli.shared import (
    FOLDER,
    LOCATION,
    TEXTS,
    AttackSet,
    PluginText,
    analyzer_option,
    command_line,
    complete_policy,
    db_option,
    options_of,
    palm_option,
    quiet_option,
    roi_rule_option,
    segmenter_option,
    threads_option,
)

if TYPE_CHECKING:
    from deidkit.pipeline import AuditPlan, Outcome
    from deidkit.result import AuditResult

SEVERAL = {
    "engines": "engine",
    "recognizers": "recognizer",
    "baselines": "baseline",
    "attackers": "attacker",
    "requirements": "require",
}
"""Field of a plan -> option that may be given several times for it."""


@click.command()
@click.option("--dataset", multiple=True, type=PluginText("dataset"), default=[defaults.DATASET], show_default=True,
              metavar="PATH|NAME[:PATH]", help="Folder, manifest, or an adapter and its folder; see: deidkit datasets "
              "list. May be given several times: one audit of each.")  # fmt: skip
@click.option("--engine", "engine", multiple=True, type=PluginText("engine"), metavar="NAME[:OPTIONS]",
              help="Anonymizer, e.g. pixelate:block=16 or folder:PATH. May be given several times.")  # fmt: skip
@click.option("--baseline", multiple=True, type=PluginText("engine"), metavar="NAME[:OPTIONS]",
              help="Engine to compare with, measured and never judged. May be given several times.")  # fmt: skip
@click.option("--recognizer", multiple=True, type=PluginText("recognizer"), metavar="NAME[:OPTIONS]",
              help="Recognizer that tries to re-identify, e.g. mtcc:preset=B. May be given several times.")  # fmt: skip
@click.option("--quality", multiple=True, type=PluginText("quality_measure"), metavar="NAME[:OPTIONS]",
              help="Further measure of quality, e.g. lpips; see: deidkit plugins --kind quality_measure")  # fmt: skip
@click.option("--attack", type=AttackSet(), default=defaults.ATTACK,
              show_default=True, help="Set of attackers in addition to the recognizers.")  # fmt: skip
@click.option("--attacker", multiple=True, type=PluginText("attacker"), metavar="NAME[:OPTIONS]",
              help="Further attacker; see: deidkit plugins --kind attacker. May be given several times.")  # fmt: skip
@click.option("--attack-budget", type=float, default=600, show_default=True, metavar="SECONDS",
              help="Time for each attack on an engine, and for each of its controls.")  # fmt: skip
@click.option("--attack-runs", type=int, metavar="N",
              help="Runs of each engine by adversaries on their gallery. Default: as needed; 0: none.")  # fmt: skip
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True,
              help="Copies per picture, by engines that can make several; diversity needs two.")  # fmt: skip
@click.option("--sample-pairs", type=click.IntRange(1), metavar="N",
              help="Sample the comparisons where there are more than N, for very large data sets; identification "
              "is not computed then.")  # fmt: skip
@click.option("--policy", default="", metavar="NAME|FILE", shell_complete=complete_policy,
              help="Requirements with reasons: screening, publication, release, or a TOML file.")  # fmt: skip
@click.option("--require", multiple=True, type=TEXTS, metavar="'METRIC >= NUMBER'",
              help="Further requirement; the unfavourable end of the interval must meet it.")  # fmt: skip
@click.option("--output", type=FOLDER, metavar="DIR",
              help="Folder for the report. Default: a new one in deidkit-audit.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace a report that is already in the output folder.")
@db_option
@config_option
@click.option(
    "--resume",
    is_flag=True,
    help="Resume an interrupted audit with the same options; a finished one is left as it is.",
)
@click.option("--format", "formats", multiple=True, type=PluginText("report"), default=["html", "json"],
              show_default=True,
              help="Format: html, json, csv, latex, markdown, junit, pdf. May be given several times.")  # fmt: skip
@click.option("--include-originals", is_flag=True,
              help="Show originals, which are biometric data, in the report.")  # fmt: skip
@click.option("--exclude", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
              help="CSV of samples to leave out; see: deidkit datasets check")  # fmt: skip
@click.option("--roi-from", type=click.Choice(["deidentified", "original"]), default="deidentified", show_default=True,
              help="Detect the palm in each copy, or place it as in the original.")  # fmt: skip
@click.option("--small-pictures", type=click.Choice(["keep", "published"]), default="keep", show_default=True,
              help="SSIM, MS-SSIM and PSNR under 161 pixels: as they are, or at 200 x 200, as published.")  # fmt: skip
@palm_option
@analyzer_option
@segmenter_option
@roi_rule_option
@threads_option
@click.option("--work", type=LOCATION, metavar="DIR|URL",
              help="Keep templates (biometric data) here, for later audits to use again.")  # fmt: skip
@click.option("--cluster", default="", metavar="local:N|tcp://HOST:PORT",
              help="Make pictures and templates in N processes, or on the workers of a Dask scheduler.")  # fmt: skip
@click.option("--isolate", is_flag=True,
              help="Run each engine in a separate process, which can neither end nor influence the audit.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the whole result as JSON on standard output.")
@quiet_option
def audit(**options: Any) -> None:
    r"""Audit anonymizers: how much identity they leave, at what cost.

    Every engine is measured against every recognizer; the report compares them side by side.

    \b
    Examples:
        deidkit audit --engine pixelate --recognizer mtcc
        deidkit audit --dataset hands/ --engine identity --engine folder:vendor/ --recognizer mtcc --policy screening
        deidkit audit --engine pixelate --baseline blur --recognizer mtcc --require 'RR at FMR 1 % >= 95'

    Exit codes: 0 done, 1 an engine fails: a leak was found or a requirement is not met, 2 could not evaluate. With
    --resume, an audit that is already finished is reported as such, and its verdict decides the exit code again.
    """
    from deidkit.errors import DeidkitError, UsageError
    from deidkit.verdict import exit_code

    datasets = options["dataset"]
    if not datasets:  # an empty list in a configuration file
        raise UsageError("there is no data set; name one with --dataset, or leave it out for the embedded one.")
    twice = next((dataset for dataset in datasets if datasets.count(dataset) > 1), None)
    if twice is not None:
        raise UsageError(f"--dataset {twice} is given twice.")
    outcomes, codes = [], []
    for number, dataset in _pending(datasets, options):
        try:
            outcomes.append(_audited(dataset, number if len(datasets) > 1 else 0, options))
        except DeidkitError as error:  # continue with the other data sets
            if len(datasets) == 1:
                raise
            output.echo(f"Error: {dataset}: {error}", err=True)
            codes.append(2)
    if options["as_json"]:
        results = [outcome.result for outcome in outcomes]
        output.echo_json(results if len(datasets) > 1 else results[0])
    codes += [exit_code(outcome.result) for outcome in outcomes]
    raise click.exceptions.Exit(1 if 1 in codes else max(codes))


def _pending(datasets: Sequence[str], options: Mapping[str, Any]) -> list[tuple[int, str]]:
    """Numbered data sets to audit; with --resume, from the first whose audit was interrupted."""
    from deidkit.pipeline import is_interrupted

    numbered = list(enumerate(datasets, 1))
    if options["resume"] and len(datasets) > 1:
        for number, dataset in numbered:
            if is_interrupted(_plan(dataset, options), options["db"]):
                return numbered[number - 1 :]
    return numbered


def _audited(dataset: str, number: int, options: Mapping[str, Any]) -> Outcome:
    """Run the audit on one data set; `number` is its position, or 0 for a single one."""
    from deidkit.pipeline import Execution, run_audit

    folder = options["output"]
    execution = replace(
        Execution(command=command_line(), **options_of(Execution, options)),
        output=folder / f"dataset-{number}" if folder and number else folder,
    )
    if number:
        output.echo(f"data set {number}: {dataset}", err=True)
    with output.only_results(options["as_json"]):
        outcome = run_audit(_plan(dataset, options), execution, output.progress(options["quiet"]))
    if not options["as_json"]:
        show_result(outcome.result)
        for path in outcome.written:
            output.echo(f"report: {path}")
    echo_notes(outcome)
    return outcome


def _plan(dataset: str, options: Mapping[str, Any]) -> AuditPlan:
    from deidkit.pipeline import AuditPlan

    several = {field: options[name] for field, name in SEVERAL.items()}
    return AuditPlan(**{**options_of(AuditPlan, options), **several, "dataset": dataset})


def echo_notes(outcome: Outcome) -> None:
    """Print on standard error the gaps of the evidence, and templates left by other audits."""
    for sentence in outcome.result.raised:
        output.echo(f"incomplete evidence: {sentence}", err=True)
    for sentence in outcome.abandoned:
        output.echo(f"note: {sentence}", err=True)
    _echo_missing_hands(outcome.result)


def _echo_missing_hands(result: AuditResult) -> None:
    from deidkit.hand.census import CUT_OUT

    without = sum(one.count for one in result.failures if (one.stage, one.subject) == ("hand", "original"))
    if 2 * without > result.dataset.samples:
        output.echo(f"note: no hand was found in {without} of {result.dataset.samples} originals.{CUT_OUT}", err=True)
