"""The main job: one plan in, one result out, every step kept so that an interruption costs little."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

import deidkit
from deidkit import plugins
from deidkit.audit import (
    abandoned,
    copies,
    engines,
    lock,
    originals,
    provenance,
    reports,
    requirements,
    scoring,
    summary,
)
from deidkit.audit.batches import Batch, split
from deidkit.audit.clock import Clock
from deidkit.audit.heard import Heard, Note
from deidkit.audit.parts import Parts, build
from deidkit.audit.plan import AuditPlan
from deidkit.audit.workspace import Keys, Workspace, remove_results, workspace_of
from deidkit.datasets import Inspection, inspect_dataset
from deidkit.errors import DatasetError, UsageError
from deidkit.metrics import CELL_METRICS, BootstrapSettings
from deidkit.metrics.quality import QUALITY_METRICS
from deidkit.metrics.usability import USABILITY_METRICS
from deidkit.progress import Progress
from deidkit.result import SCHEMA_VERSION, AuditResult, Cell, RecognizerResult
from deidkit.store import AuditRecord, is_done, measured, open_store, unfinished

BATCH_SIZES = (8, 32)
"""Fewest and most pictures in a batch: what an interruption can cost, and what is in memory for each thread."""

GALLERY_SIZE = 6
"""De-identified samples to show for each engine."""


@dataclass(frozen=True)
class Execution:
    """How an audit is run; nothing here moves a number.

    Attributes:
        db: Score store, a URL or a path.
        output: Folder for the report, or None for a new one under ``deidkit-audit``.
        resume: Whether to go on with an interrupted audit of the same plan.
        overwrite: Whether a report that is already in `output` may be replaced.
        work: Folder in which templates stay for later audits to use again, or None for one that is removed at the end.
        threads: Worker threads.
        command: The command line, for the record.
        formats: Names of the report writers.
    """

    db: str
    output: Path | None
    resume: bool
    overwrite: bool
    work: Path | None
    threads: int
    command: str
    formats: tuple[str, ...]


@dataclass
class Outcome:
    """An audit's result and where its files are.

    Attributes:
        result: Everything found.
        folder: Where the report is.
        written: The main file of each report.
        resumed: Whether an interrupted audit was continued.
        abandoned: Sentences about templates that other audits left.
    """

    result: AuditResult
    folder: Path
    written: list[Path]
    resumed: bool
    abandoned: list[str]


@plugins.kept_going()
def run_audit(plan: AuditPlan, execution: Execution, progress: Progress) -> Outcome:
    """Run an audit.

    Args:
        plan: What to audit.
        execution: How.
        progress: Who wants to know.

    Raises:
        DeidkitError: It cannot be evaluated; what is finished is kept.
    """
    started = datetime.now(UTC)
    clock = Clock()
    rules = [requirements.Rule.parse(text) for text in plan.requirements]
    reports.check_formats(execution.formats)
    parts = build(plan, progress.note)
    further = {measure.metric for measure, _ in parts.quality}
    requirements.check_names(rules, {*CELL_METRICS, *QUALITY_METRICS, *USABILITY_METRICS, *further})
    inspection = inspect_dataset(parts.dataset, exclude=plan.exclude, progress=progress)
    for engine, component in parts.engines:
        engines.ask(engine, component, "expect", inspection.samples)
    if inspection.problem:
        raise DatasetError(
            f"{parts.dataset_component.label} cannot be audited: {inspection.problem}. See what was understood with: "
            "deidkit datasets check"
        )
    store = open_store(execution.db, "write")
    digest = plan.digest(parts.meant())
    audit_id, folder, resumed = _place(digest, execution, store, progress)
    with lock.alone(folder):
        record = _begin(plan, digest, execution, store, audit_id, folder, resumed)
        for sentence in [] if resumed else abandoned.left_by_others(store, digest, folder, audit_id):
            progress.note(sentence)
        result = measured(store, audit_id)
        if result and _is_of(result, parts, inspection) and reports.has_pictures(folder, result):
            progress.note("everything is measured; only the report is missing")
        else:
            if resumed:
                record.restart()  # the data set or a plugin may have changed meanwhile
            result = _measure(
                plan, parts, inspection, record, rules, execution, progress, clock, audit_id, folder, started
            )
        own = workspace_of(folder, audit_id)
        if execution.work is None or execution.work.resolve() != own.resolve():  # asked for by name, it is kept
            remove_results(own)
        written = reports.write_reports(result, folder, execution.formats, overwrite=execution.overwrite)
        record.status("done")
        left = abandoned.left_by_others(store, digest, folder, audit_id)
    return Outcome(result=result, folder=folder, written=written, resumed=resumed, abandoned=left)


def _place(digest: str, execution: Execution, store: Any, progress: Progress) -> tuple[str, Path, bool]:
    """The audit's id and folder: those of the interrupted one to go on with, or new ones."""
    if execution.resume:
        found = unfinished(store, digest)
        if found:
            audit_id, folder = found[0][0], Path(found[0][1])
            progress.note(f"going on with the interrupted audit {audit_id}")
            if execution.output and execution.output.resolve() != folder:
                raise UsageError(
                    f"the interrupted audit with these options writes into {folder}: go on without --output, or "
                    "start a new one without --resume."
                )
            _make(folder)
            return audit_id, folder, True
        progress.note("no interrupted audit with these options is in the store; starting a new one")
    audit_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    folder = (execution.output or Path("deidkit-audit") / audit_id).resolve()
    _make(folder)
    return audit_id, folder, False


def _begin(
    plan: AuditPlan, digest: str, execution: Execution, store: Any, audit_id: str, folder: Path, resumed: bool
) -> AuditRecord:
    """Note that the audit is under way, now that no other is in its folder."""
    if resumed and is_done(store, audit_id):
        raise UsageError(f"another process has just ended audit {audit_id}; its report is in {folder}.")
    reports.check_folder(folder, audit_id, overwrite=execution.overwrite)
    reports.check_gallery(folder)
    if resumed:
        return AuditRecord(store, audit_id)
    return AuditRecord.start(
        store,
        audit_id=audit_id,
        plan=plan.values(),
        plan_digest=digest,
        version=deidkit.__version__,
        output=str(folder),
    )


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"the output folder {folder} cannot be made: {error.strerror}.") from error


def _is_of(result: AuditResult, parts: Parts, inspection: Inspection) -> bool:
    """Whether a result is of the pictures and plugins, with their model files, that are here now."""
    then = [*result.hand_analysis, *(engine.component for engine in result.engines)]
    then += [*(recognizer.component for recognizer in result.recognizers), *result.quality_measures]
    now = [*parts.analysis_components, *(component for _, component in parts.engines)]
    now += [component for _, component in (*parts.recognizers, *parts.quality)]
    same_plugins = msgspec.json.encode(then, order="sorted") == msgspec.json.encode(now, order="sorted")
    return same_plugins and result.dataset.fingerprint == inspection.fingerprint


def _measure(
    plan: AuditPlan,
    parts: Parts,
    inspection: Inspection,
    record: AuditRecord,
    rules: list[requirements.Rule],
    execution: Execution,
    progress: Progress,
    clock: Clock,
    audit_id: str,
    folder: Path,
    started: datetime,
) -> AuditResult:
    """Everything up to the result, which is stored before its pictures are written: no number depends on those."""
    heard = Heard.aloud(progress.note)
    try:
        workspace = Workspace(execution.work or workspace_of(folder, audit_id))
        wanted = max(engine.batch_size for engine, _ in parts.engines)
        size = min(max(wanted, BATCH_SIZES[0]), BATCH_SIZES[1])
        batches = split(inspection.samples, inspection.digests, parts.dataset, parts.analysis, size)
        keys = _process(batches, parts, plan, workspace, execution.threads, progress, heard, clock, audit_id)
        result = _evaluate(
            plan, parts, inspection, keys, workspace, record, rules, execution, progress, clock, audit_id, started,
            heard.sentences,
        )  # fmt: skip
        record.finish(result, summary.failures(keys, workspace, parts))
    except BaseException:
        record.status("interrupted")
        raise
    reports.write_pictures(result, folder, summary.thumbnails(keys.copies, workspace, audit_id))
    for (engine, _), of_engine in zip(parts.engines, keys.copies, strict=True):
        if not engines.reusable(engine):
            workspace.discard(of_engine)
    return result


def _process(
    batches: list[Batch],
    parts: Parts,
    plan: AuditPlan,
    workspace: Workspace,
    threads: int,
    progress: Progress,
    note: Note,
    clock: Clock,
    audit_id: str,
) -> Keys:
    count = sum(len(batch.samples) for batch in batches)
    gallery = frozenset(np.linspace(0, count - 1, min(GALLERY_SIZE, count)).astype(int).tolist())
    with (
        progress.stage("pictures to templates", count * (1 + len(parts.engines))) as stage,
        clock.time("pictures to templates", count * (1 + len(parts.engines))),
    ):

        def one(batch: Batch) -> tuple[str, list[str]]:
            original = originals.process(batch, parts, workspace, note)
            stage.advance(len(batch.samples))
            made = []
            for position in range(len(parts.engines)):
                parts.go_on()
                made.append(copies.process(batch, parts, plan, position, gallery, workspace, note, audit_id))
                stage.advance(len(batch.samples))
            batch.forget()
            return original, made

        with ThreadPoolExecutor(threads) as pool:
            try:
                futures = [pool.submit(one, batch) for batch in batches]
                done = [future.result() for future in futures]
            except BaseException:
                parts.interrupt()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    return Keys(
        [original for original, _ in done], [list(column) for column in zip(*[m for _, m in done], strict=True)]
    )


def _evaluate(
    plan: AuditPlan,
    parts: Parts,
    inspection: Inspection,
    keys: Keys,
    workspace: Workspace,
    record: AuditRecord,
    rules: list[requirements.Rule],
    execution: Execution,
    progress: Progress,
    clock: Clock,
    audit_id: str,
    started: datetime,
    raised: list[str],
) -> AuditResult:
    numbering = summary.number(inspection.samples)
    settings = BootstrapSettings(resamples=plan.resamples, seed=plan.bootstrap_seed)
    recognizers: list[RecognizerResult] = []
    cells: list[Cell] = []
    for index, (recognizer, component) in enumerate(parts.recognizers):
        templates = scoring.original_templates(workspace, keys.originals, index, numbering)
        if templates is None:
            raise DatasetError(summary.nothing_acquired(component, workspace, keys.originals, index))
        with clock.time(f"comparison, {component.label}", len(templates.data)):
            base = scoring.baseline(recognizer, component, templates, execution.threads, progress)
        record.scores(component, None, scoring.original_sets(base), recognizer.score_range)
        attempts = len(inspection.samples)
        with clock.time(f"metrics, {component.label}", 1), progress.stage(f"metrics, {component.label}", 1) as stage:
            recognizers.append(
                scoring.recognizer_result(
                    base, failures=attempts - len(templates.data), attempts=attempts, settings=settings
                )
            )
            stage.advance()
        for position, (engine, engine_component) in enumerate(parts.engines):
            expected = attempts * len(engines.seeds_of(engine, plan.seeds))
            copied = scoring.copy_templates(workspace, keys.copies[position], index, numbering)
            if copied is None:
                cells.append(summary.empty_cell(engine_component, base, expected))
                continue
            name = f"{engine_component.label} x {component.label}"
            with clock.time(f"comparison, {name}", len(copied.data)):
                scores = scoring.compare_copies(base, copied, execution.threads, progress)
            record.scores(component, engine_component, scoring.copy_sets(scores), recognizer.score_range)
            with clock.time(f"metrics, {name}", 1), progress.stage(f"metrics, {name}", 1) as stage:
                cells.append(
                    scoring.cell(
                        engine_component,
                        base,
                        scores,
                        failures=expected - len(copied.data),
                        attempts=expected,
                        settings=settings,
                    )
                )
                stage.advance()
    pixels = summary.original_pixels(workspace, keys.originals)
    engine_results = [
        summary.engine_result(
            parts, plan, position, inspection, keys.copies[position], pixels, workspace, settings, audit_id
        )
        for position in range(len(parts.engines))
    ]
    finished = datetime.now(UTC)
    return AuditResult(
        schema_version=SCHEMA_VERSION,
        audit_id=audit_id,
        provenance=provenance.collect(
            plan,
            command=execution.command,
            started=started,
            finished=finished,
            engines=[(c, engines.seeds_of(engine, plan.seeds)) for engine, c in parts.engines],
        ),
        dataset=summary.dataset(parts, inspection, keys.originals, workspace),
        hand_analysis=parts.analysis_components,
        quality_measures=[component for _, component in parts.quality],
        recognizers=recognizers,
        engines=engine_results,
        cells=cells,
        failures=summary.failure_counts(summary.failures(keys, workspace, parts)),
        timings=clock.timings,
        verdict=requirements.verdict(rules, engine_results, cells, raised),
        notes=summary.notes(recognizers, cells, engine_results),
        raised=raised,
    )
