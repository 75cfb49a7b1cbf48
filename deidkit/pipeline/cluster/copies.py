"""De-identifies pictures on the workers of a cluster, which read originals and write copies themselves."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from deidkit.datasets.walking import COPIES
from deidkit.errors import DeidkitError
from deidkit.pipeline.cluster.job import Environment, differences, environment
from deidkit.pipeline.cluster.process_cache import ProcessCache
from deidkit.pipeline.cluster.tasks import TaskDone, run_task
from deidkit.pipeline.cluster.workers import prepared_workers
from deidkit.pipeline.copying import STAGE, Copier, CopyJob, CopyOutcome, DeidentificationPlan, engine_of, path_of
from deidkit.pipeline.plugin_warnings import PluginWarnings
from deidkit.pipeline.process_state import ProcessState
from deidkit.processors import limit_library_threads
from deidkit.progress import Progress

PICTURES = 8
"""Fewest pictures of a task: what is lost with a worker."""

_RESUME_HINT = "run the same command again"


@dataclass(frozen=True)
class CopiesJob:
    """What workers get.

    Attributes:
        plan: What is to be done; source and target are named in full.
        record: Content of the target folder's record of copies, by which a worker checks that it sees the same folder.
        parts: The pictures, as many at a time as the engine wants.
        tasks: First and last but one of the parts of each task.
        environment: What the command computes with; workers must have the same.
    """

    token: str
    plan: DeidentificationPlan
    record: str
    parts: Sequence[Sequence[CopyJob]]
    tasks: Sequence[range]
    environment: Environment


def copies_on_cluster(
    plan: DeidentificationPlan, copier: Copier, jobs: Sequence[CopyJob], record: str, progress: Progress
) -> list[CopyOutcome]:
    """De-identify pictures on a cluster.

    Raises:
        UsageError: The cluster cannot be reached, or none of its workers can take part.
        DeidkitError: The work cannot continue; what is finished is kept.
    """
    parts = copier.parts(jobs)
    each = -(-PICTURES // copier.engine.plugin.batch_size)
    job = CopiesJob(
        token=secrets.token_hex(8),
        plan=plan,
        record=record,
        parts=parts,
        tasks=[range(start, min(start + each, len(parts))) for start in range(0, len(parts), each)],
        environment=environment([copier.engine, *copier.analysers]),
    )
    existing = {path for one in jobs for path in one.targets if path.exists()}
    found: dict[int, Sequence[CopyOutcome]] = {}
    with (
        prepared_workers(plan.cluster, _RESUME_HINT, progress.note, unfit, job) as workers,
        progress.stage(STAGE, len(jobs)) as stage,
    ):

        def done(position: int, outcomes: Sequence[CopyOutcome] | None) -> None:
            found[position] = outcomes or ()
            stage.advance(sum(len(parts[number]) for number in job.tasks[position]))

        workers.run(copy, job, len(job.tasks), copier.call.warnings, done)
    targets: dict[tuple[str, int | None], Path] = {
        (one.sample.key, seed): path for one in jobs for seed, path in zip(copier.call.seeds, one.targets, strict=True)
    }
    return [
        replace(outcome, state="written")  # by a worker that was lost before it could say so
        if outcome.state == "already there" and targets[outcome.file, outcome.seed] not in existing
        else outcome
        for position in sorted(found)
        for outcome in found[position]
    ]


def copy(job: CopiesJob, position: int) -> TaskDone[Sequence[CopyOutcome]]:
    """Do one task."""

    def run(warnings: PluginWarnings) -> Sequence[CopyOutcome]:
        made = _copier.of(job.token, lambda: _make_copier(job))
        copier = replace(made, call=replace(made.call, warnings=warnings))
        return [outcome for number in job.tasks[position] for outcome in copier.outcomes(job.parts[number])]

    return run_task(unfit(job), run)


def unfit(job: CopiesJob) -> str:
    """Make the plugins of a job, once in each process; say why the worker cannot take part, nothing where it can."""
    try:
        _copier.of(job.token, lambda: _make_copier(job))
    except DeidkitError as error:
        return str(error)
    return ""


_copier: ProcessCache[Copier] = ProcessCache()
"""The plugins of the job that this process is at."""


def _make_copier(job: CopiesJob) -> Copier:
    _check_folders_shared(job)
    limit_library_threads()
    engine = engine_of(job.plan, _silent)
    made = Copier.of(engine, job.plan, PluginWarnings(), _silent)
    copier = replace(made, call=replace(made.call, state=ProcessState.now(shared=True)))
    mismatch = differences(job.environment, environment([engine, *copier.analysers]))
    if mismatch:
        raise DeidkitError(f"it has {mismatch}; install the same versions everywhere")
    return copier


def _check_folders_shared(job: CopiesJob) -> None:
    """Refuse to work where a path names another folder on this machine."""
    first = job.parts[0][0]
    if not path_of(first.sample).is_file():
        raise DeidkitError(f"it cannot read the pictures in {job.plan.source}; name a folder that all machines share")
    if job.plan.source.is_dir() and _content(job.plan.target / COPIES) != job.record:
        raise DeidkitError(f"it cannot read the folder {job.plan.target}; name one that all machines share")


def _content(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def _silent(sentence: str) -> None:
    """Drop what plugins note while they prepare: the command has shown it."""
