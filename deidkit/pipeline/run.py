"""The main job: runs a plan to a result, storing every step so that an interruption costs little."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock

import msgspec
import numpy as np
from sqlalchemy import Engine as Store

import deidkit
from deidkit import plugins
from deidkit.datasets import Inspection, inspect_dataset
from deidkit.errors import DatasetError, UsageError, os_errors_as
from deidkit.measures import ATTACK_METRICS, CELL_METRICS, registry
from deidkit.pipeline import abandoned, cluster, lock, plugin_set, reports
from deidkit.pipeline.context import AuditContext
from deidkit.pipeline.evaluation import Evaluator
from deidkit.pipeline.plan import AuditPlan
from deidkit.pipeline.plugin_set import PluginSet
from deidkit.pipeline.plugin_warnings import PluginWarnings
from deidkit.pipeline.private import private_files
from deidkit.pipeline.process_state import ProcessState, is_in_plugin_call, working_directory
from deidkit.pipeline.processing import process
from deidkit.pipeline.provenance import Run
from deidkit.pipeline.stage_plan import StagePlan
from deidkit.pipeline.storage import is_address
from deidkit.pipeline.workspace import Workspace, remove_results, workspace_of
from deidkit.processors import limited_library_threads
from deidkit.progress import Progress
from deidkit.result import AuditResult
from deidkit.store import AuditRecord, finished, is_done, load_result, measured, opened_store, unfinished
from deidkit.verdict import Policy, find_policy

_ALONE = RLock()
"""Held by the running audit: side effects of plugins could not be distinguished from those of another audit."""

GALLERY_SIZE = 6
"""De-identified samples shown per engine."""


@dataclass(frozen=True, kw_only=True)
class Execution:
    """Execution parameters of an audit, which do not affect results.

    Attributes:
        db: Score store, a URL or a path.
        output: Folder for the report, or None for a new one under ``deidkit-audit``.
        resume: Whether to resume an interrupted audit of the same plan.
        overwrite: Whether a report that is already in `output` may be replaced.
        work: Folder or address at which stage results are kept for later audits, or None for a folder that is
            removed at the end.
        cluster: ``local:N`` or the address of a Dask scheduler, whose workers make the stages; empty for none.
    """

    db: str
    output: Path | None = None
    resume: bool = False
    overwrite: bool = False
    work: Path | str | None = None
    threads: int = 1
    cluster: str = ""
    command: str = ""
    formats: tuple[str, ...] = ("html", "json")


@dataclass(frozen=True)
class Outcome:
    """An audit's result and where its files are.

    Attributes:
        written: The main file of each report.
        abandoned: Sentences about templates that other audits left.
    """

    result: AuditResult
    folder: Path
    written: list[Path]
    resumed: bool
    abandoned: list[str]


@dataclass(frozen=True)
class _Job:
    """A plan with its plugins and the inspection of its data set."""

    plan: AuditPlan
    execution: Execution
    progress: Progress
    plugins: PluginSet
    inspection: Inspection
    policy: Policy
    process_state: ProcessState = field(repr=False)
    warnings: PluginWarnings

    @property
    def digest(self) -> str:
        """Digest by which an interrupted audit of the same plan is found."""
        return self.plan.digest([*self.plugins.paths(), self.policy.digest])


@dataclass(frozen=True)
class _AuditFolder:
    """Id and folder of an audit: those of the interrupted one that is resumed, or new ones."""

    audit_id: str
    folder: Path
    resumed: bool


@plugins.exits_as_errors()
def run_audit(plan: AuditPlan, execution: Execution, progress: Progress) -> Outcome:
    """Run an audit; several threads of a program get theirs one after another.

    Raises:
        DeidkitError: It cannot be evaluated; what is finished is kept.
        UsageError: A plugin asks for it in a thread of another audit, which could wait for itself for ever.
    """
    if not _ALONE.acquire(blocking=not is_in_plugin_call()):
        raise UsageError("a plugin started an audit within an audit; run the inner one in a separate process.")
    try:
        with limited_library_threads():
            return _run_alone(plan, execution, progress)
    finally:
        _ALONE.release()


def _run_alone(plan: AuditPlan, execution: Execution, progress: Progress) -> Outcome:
    run = Run(execution.command, datetime.now(UTC))
    if execution.cluster:
        cluster.check(execution.cluster)
    policy = find_policy(plan.policy).with_lines(plan.requirements)
    reports.check_formats(execution.formats)
    warnings = PluginWarnings.shown_by(progress.note)
    made = _plugins_of(plan, progress, warnings)
    further = {measure.plugin.metric for measure in made.quality}
    policy.check(
        {*CELL_METRICS, *registry.names(registry.of_engines()), *ATTACK_METRICS, *further},
        [recognizer.component.label for recognizer in made.recognizers],
        {attacker.plugin.tier for attacker in made.attackers},
    )
    state = ProcessState.now()
    inspection = _inspection(plan, made, progress, state, warnings)
    job = _Job(plan, execution, progress, made, inspection, policy, state, warnings)
    for sentence in [*policy.wrong_ways(), *policy.impossible_with(len({s.subject for s in job.inspection.samples}))]:
        progress.note(sentence)
    with opened_store(execution.db, "write") as store:
        ended = _finished_outcome(job, store) if execution.resume else None
        if ended is not None:
            return ended
        with private_files(plan.include_originals):
            job = replace(job, process_state=ProcessState.now())  # with the modes of private files
            target = _audit_folder(job, store)
            with lock.exclusive(target.folder):
                return _run(job, store, target, run)


def is_interrupted(plan: AuditPlan, db: str) -> bool:
    """Whether the store has an interrupted audit of a plan, which ``resume`` would continue.

    Raises:
        DeidkitError: A plugin of the plan cannot be made, or the store cannot be opened.
    """
    made = plugin_set.build(plan, lambda sentence: None)
    policy = find_policy(plan.policy).with_lines(plan.requirements)
    with opened_store(db, "write") as store:
        return bool(unfinished(store, plan.digest([*made.paths(), policy.digest])))


def _run(job: _Job, store: Store, target: _AuditFolder, run: Run) -> Outcome:
    folder, execution, note = target.folder, job.execution, job.progress.note
    record = _audit_record(job, store, target)
    for sentence in [] if target.resumed else abandoned.left_by_others(store, job.digest, folder, target.audit_id):
        note(sentence)
    result = measured(store, target.audit_id)
    if result and _is_current(result, job) and reports.has_pictures(folder, result):
        note("everything is measured; only the report is missing")
    else:
        if target.resumed:
            record.restart()  # the data set or a plugin may have changed meanwhile
        result = _measure(_context(job, target), record, run, job)
    own = workspace_of(folder, target.audit_id)
    if is_address(execution.work) or execution.work is None or Path(execution.work).resolve() != own.resolve():
        with job.progress.stage("removing templates", None) as progress:
            remove_results(own, progress.advance)  # asked for by name, they would be kept
    written = reports.write_reports(result, folder, execution.formats, overwrite=execution.overwrite, note=note)
    record.status("done")
    left = abandoned.left_by_others(store, job.digest, folder, target.audit_id)
    return Outcome(result=result, folder=folder, written=written, resumed=target.resumed, abandoned=left)


def _plugins_of(plan: AuditPlan, progress: Progress, warnings: PluginWarnings) -> PluginSet:
    """Create the plugins of a plan; restores the working directory, which an import may change."""
    home = working_directory()
    made = plugin_set.build(plan, progress.note)
    if Path.cwd() != home:
        os.chdir(home)
        warnings.add_note("a plugin changed the working directory when it was made, which was restored")
    return made


def _inspection(
    plan: AuditPlan, made: PluginSet, progress: Progress, state: ProcessState, warnings: PluginWarnings
) -> Inspection:
    component = made.dataset.component
    with (
        plugins.errors_attributed_to(component, "samples"),
        state.restored_after(f"data set '{component.name}'", warnings),
    ):
        inspection = inspect_dataset(made.dataset.plugin, exclude=plan.exclude, progress=progress)
    for engine in made.engines:
        with plugins.errors_attributed_to(engine.component, "expect"):
            engine.plugin.expect(inspection.samples)
    if inspection.problem:
        raise DatasetError(
            f"{made.dataset.component.label} cannot be audited: {inspection.problem}. See what was understood with: "
            "deidkit datasets check"
        )
    return inspection


def _finished_outcome(job: _Job, store: Store) -> Outcome | None:
    """The finished audit of this plan, with the pictures and plugins that are here now, and its report."""
    if unfinished(store, job.digest):
        return None
    output = job.execution.output and job.execution.output.resolve()
    for audit in finished(store, job.digest):
        folder, result = audit.folder, load_result(store, audit.audit_id)
        written = reports.Record.of(folder).existing(folder) if folder.is_dir() else []
        if output in (None, folder) and written and _is_current(result, job):
            job.progress.note(
                f"audit {audit.audit_id} with these options is finished; its verdict was "
                f"{result.verdict.status}. To start another, leave out --resume; to write its report again: "
                f"deidkit report {audit.audit_id}"
            )
            main = [path for path in written if path.parent == folder]
            return Outcome(result=result, folder=folder, written=main, resumed=True, abandoned=[])
    return None


def _audit_folder(job: _Job, store: Store) -> _AuditFolder:
    execution, progress = job.execution, job.progress
    if execution.resume:
        found = unfinished(store, job.digest)
        if found:
            output = execution.output and execution.output.resolve()
            audit = next((audit for audit in found if audit.folder == output), found[0])
            progress.note(f"resuming the interrupted audit {audit.audit_id}")
            if output and output != audit.folder:
                raise UsageError(
                    f"the interrupted audit with these options writes into {audit.folder}: resume it without --output, "
                    "or start a new one without --resume."
                )
            _make_folder(audit.folder)
            return _AuditFolder(audit.audit_id, audit.folder, resumed=True)
        progress.note("no interrupted audit with these options is in the store; starting a new one")
    audit_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    folder = (execution.output or Path("deidkit-audit") / audit_id).resolve()
    _make_folder(folder)
    return _AuditFolder(audit_id, folder, resumed=False)


def _make_folder(folder: Path) -> None:
    with os_errors_as(UsageError, f"the output folder {folder} cannot be made"):
        folder.mkdir(parents=True, exist_ok=True)


def _audit_record(job: _Job, store: Store, target: _AuditFolder) -> AuditRecord:
    """Store that the audit is running, now that its folder is locked."""
    if target.resumed and is_done(store, target.audit_id):
        raise UsageError(f"another process has just ended audit {target.audit_id}; its report is in {target.folder}.")
    reports.check_folder(target.folder, target.audit_id, overwrite=job.execution.overwrite)
    reports.check_gallery(target.folder)
    if target.resumed:
        return AuditRecord(store, target.audit_id)
    return AuditRecord.start(
        store,
        audit_id=target.audit_id,
        plan=job.plan.values(),
        plan_digest=job.digest,
        version=deidkit.__version__,
        output=str(target.folder),
    )


def _is_current(result: AuditResult, job: _Job) -> bool:
    """Whether a result is based on the current pictures, plugins and model files."""
    then = [*result.hand_analysis, *(engine.component for engine in result.engines)]
    then += [*(recognizer.component for recognizer in result.recognizers), *result.quality_measures, *result.attackers]
    now = [*job.plugins.analysis_components, *(item.component for item in job.plugins.all[1:])]
    same_plugins = msgspec.json.encode(then, order="sorted") == msgspec.json.encode(now, order="sorted")
    return same_plugins and result.dataset.fingerprint == job.inspection.fingerprint


def _context(job: _Job, target: _AuditFolder) -> AuditContext:
    count = len(job.inspection.samples)
    gallery = np.linspace(0, count - 1, min(GALLERY_SIZE, count)).astype(int).tolist()
    return AuditContext(
        audit_id=target.audit_id,
        folder=target.folder,
        plan=job.plan,
        plugins=job.plugins,
        inspection=job.inspection,
        workspace=Workspace(job.execution.work or workspace_of(target.folder, target.audit_id)),
        warnings=job.warnings,
        progress=job.progress,
        threads=job.execution.threads,
        gallery=frozenset(gallery),
        cluster=job.execution.cluster,
        process_state=job.process_state,
    )


def _measure(context: AuditContext, record: AuditRecord, run: Run, job: _Job) -> AuditResult:
    """Measure and store the result, then write its pictures, which do not affect it."""
    try:
        stages = StagePlan.of(context.plugins, context.plan.attack_runs)
        results = cluster.process_on_cluster(context, stages) if context.cluster else process(context, stages)
        found = Evaluator(context, stages, results, record).run(run, job.policy)
        record.finish(found.result, found.failures, found.contributions)
    except BaseException:
        record.status("interrupted")
        raise
    pictures = [picture for engine in found.engines for picture in engine.thumbnails]
    reports.write_pictures(found.result, context.folder, pictures)
    for engine in stages.engines:
        if not engine.engine.plugin.reusable:
            for work in results.batches:
                work.copies_of(engine.engine).discard()
            for stage in engine.after_copies:
                results.discard(stage)
    return found.result
