"""A worker of a cluster: makes the same plugins from the same names.

Pictures and templates do not pass through the cluster: a worker reads originals where the data set is and leaves
results in the workspace, both of which it shares with the process that sent it the work.
"""

from __future__ import annotations

from dataclasses import dataclass

from deidkit.datasets import Inspection
from deidkit.errors import DeidkitError
from deidkit.pipeline import plugin_set
from deidkit.pipeline.batch_work import BatchWork
from deidkit.pipeline.cluster.job import ClusterJob, Probe, differences, environment
from deidkit.pipeline.cluster.process_cache import ProcessCache
from deidkit.pipeline.context import AuditContext
from deidkit.pipeline.plugin_warnings import PluginWarnings
from deidkit.pipeline.process_state import ProcessState
from deidkit.pipeline.processing import batches_of
from deidkit.pipeline.stage_plan import StagePlan
from deidkit.pipeline.workspace import Workspace
from deidkit.plugins import errors_attributed_to
from deidkit.processors import limit_library_threads
from deidkit.progress import Silent
from deidkit.protocols import Recognizer


@dataclass(frozen=True)
class Prepared:
    """An audit with its plugins made in this process."""

    context: AuditContext
    stages: StagePlan
    batches: list[BatchWork]


_prepared: ProcessCache[Prepared] = ProcessCache()
"""The audit that this process is at, with its plugins."""


def prepare(job: ClusterJob) -> str:
    """Make the plugins of a job, once in each process; why the worker cannot take part, empty where it can."""
    try:
        prepared(job)
    except DeidkitError as error:
        return str(error)
    return ""


def recognizer(job: ClusterJob, label: str) -> Recognizer:
    """One of the recognizers of a job that is prepared."""
    made = prepared(job).context.plugins.recognizers
    return next(loaded.plugin for loaded in made if loaded.component.label == label)


def prepared(job: ClusterJob) -> Prepared:
    """The audit of a job, with its plugins; raises DeidkitError where this worker cannot take part."""
    return _prepared.of(job.token, lambda: _prepare(job))


def _prepare(job: ClusterJob) -> Prepared:
    workspace = Workspace(job.place)
    if workspace.load(job.probe_key, Probe) != Probe(job.token):
        raise DeidkitError(
            f"it cannot read the workspace {job.place}; give --work a folder that all machines share, or an address "
            "such as s3://bucket/folder"
        )
    plugins = plugin_set.build(job.plan, lambda sentence: None)
    mismatch = differences(job.environment, environment(plugins.parts))
    if mismatch:
        raise DeidkitError(f"it has {mismatch}; install the same versions everywhere")
    for engine in plugins.engines:
        with errors_attributed_to(engine.component, "expect"):
            engine.plugin.expect(job.samples)
    limit_library_threads()
    context = AuditContext(
        audit_id=job.audit_id,
        folder=job.folder,
        plan=job.plan,
        plugins=plugins,
        inspection=Inspection(samples=job.samples, digests=job.digests, sizes=[None] * len(job.samples)),
        workspace=workspace,
        warnings=PluginWarnings(),
        progress=Silent(),
        threads=1,
        gallery=job.gallery,
        process_state=ProcessState.now(shared=True),
    )
    return Prepared(context, StagePlan.of(plugins, context.plan.attack_runs), list(batches_of(context)))
