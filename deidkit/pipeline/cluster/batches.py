"""The stages of all batches on the workers of a cluster, one batch a task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from deidkit.pipeline.batch_work import BatchWork
from deidkit.pipeline.cluster import worker
from deidkit.pipeline.cluster.job import RESUME_HINT, ClusterJob
from deidkit.pipeline.cluster.tasks import TaskDone, run_task
from deidkit.pipeline.cluster.workers import prepared_workers
from deidkit.pipeline.context import AuditContext
from deidkit.pipeline.plugin_warnings import PluginWarnings
from deidkit.pipeline.processing import batches_of, make, timed_stage
from deidkit.pipeline.stage_plan import StagePlan
from deidkit.pipeline.stages import StageResults


def process_on_cluster(context: AuditContext, stages: StagePlan) -> StageResults:
    """Make every stage result that is not yet in the workspace, which all workers must see.

    Raises:
        UsageError: The cluster cannot be reached, or none of its workers can take part.
        DeidkitError: The work cannot continue; what is finished is kept.
    """
    batches = batches_of(context)
    results = StageResults(context, batches)
    job = ClusterJob.of(context)
    with (
        prepared_workers(context.cluster, RESUME_HINT, context.progress.note, worker.prepare, job) as workers,
        timed_stage(context, stages) as progress,
    ):

        def done(position: int, keys: Sequence[str] | None) -> None:
            for stage, key in zip(stages.all, keys or (), strict=True):
                results.made_elsewhere(stage, batches[position], key)
            progress.advance(len(batches[position].batch.samples) * (1 + len(stages.engines)))

        workers.run(run_batch, job, len(batches), context.warnings, done)
    context.workspace.discard([job.probe_key])
    return results


def run_batch(job: ClusterJob, position: int) -> TaskDone[Sequence[str]]:
    """Take one batch of a job through all stages; gives the keys of its results, in the order of `StagePlan.all`."""

    def run(warnings: PluginWarnings) -> Sequence[str]:
        audit = worker.prepared(job)
        context = replace(audit.context, warnings=warnings)
        work = BatchWork(context, audit.batches[position].batch, position)
        results = StageResults(context, [work])
        make(work, audit.stages, results, lambda items: None)
        return [results.keys_of(stage)[0] for stage in audit.stages.all]

    return run_task(worker.prepare(job), run, notes_are_stored=True)
