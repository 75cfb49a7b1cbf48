"""Runs the stages of all batches on the workers of a Dask cluster, of this machine or of many."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from deidkit.attack_sets import NONE
from deidkit.comparison import PartRunner, Templates
from deidkit.errors import UsageError
from deidkit.pipeline.cluster import worker
from deidkit.pipeline.cluster.attacks import ClusterAttackRunner
from deidkit.pipeline.cluster.comparisons import OnCluster
from deidkit.pipeline.cluster.connection import check, connected
from deidkit.pipeline.cluster.copies import copies_on_cluster
from deidkit.pipeline.cluster.job import BatchDone, ClusterJob, Probe, environment
from deidkit.pipeline.cluster.workers import Workers
from deidkit.pipeline.context import AuditContext
from deidkit.pipeline.processing import batches_of, timed_stage
from deidkit.pipeline.stage_plan import StagePlan
from deidkit.pipeline.stages import StageResults
from deidkit.pipeline.storage import is_address

__all__ = ["check", "cluster_attack_runner", "cluster_comparison", "copies_on_cluster", "process_on_cluster"]

_RESUME_HINT = "run the same command with --resume"


def cluster_comparison(
    context: AuditContext, recognizer: str, comparison: str, sets: Sequence[Templates]
) -> PartRunner | None:
    """The cluster of an audit for one of its comparisons; None where there is none.

    Args:
        context: The audit.
        recognizer: Label of the recognizer.
        comparison: Key of the comparison.
        sets: The templates.
    """
    if not context.cluster:
        return None
    return OnCluster(
        context, lambda: _job(context), _RESUME_HINT, recognizer=recognizer, comparison=comparison, sets=sets
    )


def cluster_attack_runner(
    context: AuditContext, stages: StagePlan, results: StageResults, reference_percent: float
) -> ClusterAttackRunner:
    """The workers of the cluster of an audit, who attack; connected to when there is an attack to be made.

    Args:
        context: The audit.
        stages: Its stages.
        results: Their results.
        reference_percent: Rank-1 identification rate of the best recognizer among originals.
    """
    return ClusterAttackRunner(context, stages, results, reference_percent, lambda: _job(context), _RESUME_HINT)


def process_on_cluster(context: AuditContext, stages: StagePlan) -> StageResults:
    """Make every stage result that is not yet in the workspace, on the cluster of the audit.

    Args:
        context: The audit; its workspace must be seen by all workers.
        stages: Its stages.

    Raises:
        UsageError: The cluster cannot be reached, or a worker cannot take part.
        DeidkitError: The work cannot continue; what is finished is kept.
    """
    batches = batches_of(context)
    results = StageResults(context, batches)
    job, text = _job(context), context.cluster
    with connected(text, _RESUME_HINT) as client:
        workers = Workers(client, text, _RESUME_HINT, context.progress.note)
        workers.prepare(worker.prepare, job)
        with timed_stage(context, stages) as progress:

            def done(position: int, found: BatchDone) -> None:
                for warning in found.warnings:
                    context.warnings.add(warning.sentence, warning.detail)
                if found.failure is not None:
                    raise found.failure
                for stage, key in zip(stages.all, found.keys, strict=True):
                    results.made_elsewhere(stage, batches[position], key)
                progress.advance(len(batches[position].batch.samples) * (1 + len(stages.engines)))

            workers.run(worker.run_batch, job, len(batches), done)
    context.workspace.discard([job.probe_key])
    return results


def _job(context: AuditContext) -> ClusterJob:
    if not context.cluster.startswith("local:"):
        _refuse_relative(context)
    where = context.workspace.where
    job = ClusterJob(
        token=secrets.token_hex(8),
        audit_id=context.audit_id,
        folder=context.folder,
        # by name, since a worker's package may know another set under that name
        plan=replace(context.plan, attack=NONE, attackers=context.plan.all_attackers),
        place=where if is_address(where) else str(Path(where).resolve()),
        samples=context.inspection.samples,
        digests=context.inspection.digests,
        gallery=context.gallery,
        environment=environment(context.plugins.parts),
    )
    context.workspace.save(job.probe_key, Probe(job.token))
    return job


def _refuse_relative(context: AuditContext) -> None:
    """A path from the working directory means something else, or nothing, on another machine."""
    for path in context.plugins.named_paths():
        if not path.is_absolute():
            raise UsageError(
                f"{path} is named from the working directory, which workers of other machines do not have; name it in "
                f"full: {path.resolve()}"
            )
