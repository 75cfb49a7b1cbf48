"""``deidkit ablate``: one engine under many settings, in three tables and a figure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deidkit import defaults
from deidkit.cli import output
from deidkit.cli.audit import audit, echo_notes
from deidkit.cli.shared import TEXTS, PluginText, command_line, options_of

if TYPE_CHECKING:
    from deidkit.result import AuditResult, Estimate

FORMATS = ("ablation", "html", "json")

OF_AN_AUDIT = (
    "quality", "seeds", "output", "overwrite", "db", "config", "resume", "include_originals", "exclude",
    "roi_from", "small_pictures", "palm", "analyzer", "segmenter", "roi_rule", "threads", "work", "cluster",
    "isolate", "as_json", "quiet",
)  # fmt: skip
"""Options shared with ``deidkit audit``."""

IDENTITY = {"RR %": "rejection_rate_percent", "DIR %": "deid_ratio_percent", "rank-1 %": "rank_1_percent"}
QUALITY = {"SSIM": "ssim", "PSNR dB": "psnr"}


@click.command(params=[parameter for parameter in audit.params if parameter.name in OF_AN_AUDIT])
@click.option("--dataset", type=PluginText("dataset"), default=defaults.DATASET, show_default=True,
              metavar="PATH|NAME[:PATH]",
              help="Folder, manifest, or an adapter and its folder; see: deidkit datasets list")  # fmt: skip
@click.option("--engine", type=PluginText("engine"), default=defaults.ABLATED_ENGINE, show_default=True,
              metavar="NAME[:OPTIONS]", help="What is ablated; options given here hold for every setting.")  # fmt: skip
@click.option("--recognizer", multiple=True, type=PluginText("recognizer"), default=defaults.ABLATION_RECOGNIZERS,
              show_default=True, metavar="NAME[:OPTIONS]",
              help="Recognizer that tries to re-identify. May be given several times.")  # fmt: skip
@click.option("--vary", multiple=True, type=TEXTS, metavar="OPTION=VALUE,VALUE",
              help="Values of one option; every combination of all --vary is a setting.")  # fmt: skip
@click.option("--grid", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="TOML file: options with lists of values, or several [[grid]] of them.")  # fmt: skip
@click.option("--compare", multiple=True, type=PluginText("engine"), default=defaults.ABLATION_BASELINES,
              show_default=True, metavar="NAME[:OPTIONS]",
              help="Engine to compare the settings with. May be given several times; 'none' for none.")  # fmt: skip
def ablate(**options: Any) -> None:
    r"""Audit one engine under many settings: recognition, quality, usability, and what one costs the other.

    Without --vary or --grid the diffusion engine runs through the published settings: every set of exemplars, and three
    shares of the original's latent. An ablation is an audit: it resumes, is stored, and can be reported again with
    deidkit report ID --format ablation.

    \b
    Examples:
        deidkit ablate --dataset hands/
        deidkit ablate --engine blur --vary sigma=2,4,8 --recognizer mtcc
        deidkit ablate --engine diffusion:steps=20 --grid grid.toml --recognizer mtcc --recognizer ccnet

    Exit codes: 0 done, 2 could not evaluate.
    """
    from deidkit.errors import UsageError
    from deidkit.pipeline import AuditPlan, Execution, ablation, run_audit
    from deidkit.verdict import evaluated

    if options["vary"] and options["grid"]:
        raise UsageError("give either --vary or --grid: a grid file can hold all that is varied.")
    if options["vary"]:
        grid: tuple[ablation.Axes, ...] = (ablation.parse_vary(options["vary"]),)
    elif options["grid"]:
        grid = ablation.read_grid(options["grid"])
    else:
        grid = ablation.published(options["engine"])
    compared = () if options["compare"] == ("none",) else options["compare"]
    settings = ablation.settings(options["engine"], grid, compared)
    plan = AuditPlan(
        attack="none",
        engines=settings,
        recognizers=options["recognizer"],
        **options_of(AuditPlan, options),
    )
    execution = Execution(
        command=command_line(),
        formats=FORMATS,
        **options_of(Execution, options),
    )
    with output.only_results(options["as_json"]):
        outcome = run_audit(plan, execution, output.progress(options["quiet"]))
    if options["as_json"]:
        output.echo_json(outcome.result)
    else:
        _show(outcome.result, settings)
        for path in outcome.written:
            output.echo(f"report: {path}")
    echo_notes(outcome)
    incomplete = outcome.result.raised or not evaluated(outcome.result)
    raise click.exceptions.Exit(2 if incomplete else 0)


ablate.params.sort(key=lambda parameter: parameter.name in OF_AN_AUDIT)  # own options first


def _show(result: AuditResult, settings: tuple[str, ...]) -> None:
    cells = {(cell.engine, cell.recognizer): cell.metrics for cell in result.cells}
    shown: list[Estimate | None] = []
    rows = []
    for recognizer in result.recognizers:
        for setting, engine in zip(settings, result.engines, strict=True):
            name = recognizer.component.label
            of_row = [cells.get((engine.component.label, name), {}).get(metric) for metric in IDENTITY.values()]
            of_row += [engine.quality.get(metric) for metric in QUALITY.values()]
            shown += of_row
            rows.append([name, f"{setting}{' [control]' * engine.component.control}", *map(_text, of_row)])
    title = f"{result.dataset.component.label}: {result.dataset.samples} samples of {result.dataset.subjects} subjects"
    output.echo_table(["recognizer", "setting", *IDENTITY, *QUALITY], rows, title=title)
    components = [*(e.component for e in result.engines), *(r.component for r in result.recognizers)]
    for remark, name in {c.remark: c.name for c in components if c.remark}.items():
        output.echo(f"{name}: {remark}.")
    for note in [*result.dataset.notes, *result.notes]:
        output.echo(f"note: {note}")
    missing = {f"{estimate.reason} {estimate.remedy}".strip() for estimate in shown if estimate and estimate.reason}
    for sentence in sorted(missing):
        output.echo(f"not computed: {sentence}")


def _text(estimate: Estimate | None) -> str:
    if estimate is None or estimate.value is None:
        return "not computed"
    return f"{estimate.value:.4f}" if estimate.unit == "ratio" else f"{estimate.value:.2f}"
