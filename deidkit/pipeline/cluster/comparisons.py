"""Long comparisons on the workers of a cluster: templates and the results of parts are in the workspace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from deidkit.comparison import Arrays, Comparison, ComparisonSettings, Templates
from deidkit.pipeline.cluster import worker
from deidkit.pipeline.cluster.job import RESUME_HINT, ClusterJob
from deidkit.pipeline.cluster.process_cache import ProcessCache
from deidkit.pipeline.cluster.tasks import TaskDone, damaged_result, load_required, run_task
from deidkit.pipeline.cluster.workers import prepared_workers
from deidkit.pipeline.comparison_checkpoint import digest_of
from deidkit.pipeline.context import AuditContext
from deidkit.pipeline.plugin_warnings import PluginWarnings
from deidkit.pipeline.workspace import Workspace, key_of

PartArrays = dict[str, NDArray[Any]]
"""Result of a part of a comparison, by name."""


@dataclass(frozen=True)
class ComparisonJob:
    """A comparison as workers get it.

    Attributes:
        sets: Keys of the templates: probes and, where they are not compared with one another, references.
        wanted: Key of the distances to own identities; None where there is no search.
        pairs: Most comparisons, where a sample of them is made.
        rows: Probes in a stripe.
        parts: Numbers of the stripes of each part.
    """

    audit: ClusterJob
    recognizer: str
    comparison: str
    sets: Sequence[str]
    wanted: str | None
    pairs: int | None
    rows: int
    parts: Sequence[range]

    @property
    def token(self) -> str:
        """Identifies it among all jobs."""
        return self.audit.token

    def key_of_part(self, part: range) -> str:
        """Where what came of a part lies."""
        return key_of("part of a comparison", self.comparison, self.rows, part.start, part.stop)


class ClusterPartRunner:
    """The parts of one comparison, made by a cluster; satisfies `deidkit.comparison.PartRunner`."""

    def __init__(self, context: AuditContext, recognizer: str, comparison: str, sets: Sequence[Templates]) -> None:
        self._context, self._recognizer, self._comparison, self._sets = context, recognizer, comparison, sets

    def compare(
        self, rows: int, wanted: NDArray[Any] | None, parts: Sequence[range], take: Callable[[range, Arrays], None]
    ) -> None:
        """Make every part that is not in the workspace, and take all."""
        workspace = self._context.workspace
        job = ComparisonJob(
            audit=ClusterJob.of(self._context),
            recognizer=self._recognizer,
            comparison=self._comparison,
            sets=[key_of("all templates", digest_of(templates)) for templates in self._sets],
            wanted=None if wanted is None else key_of("own distances", self._comparison),
            pairs=self._context.plan.sample_pairs,
            rows=rows,
            parts=parts,
        )

        def taken(part: range) -> bool:
            found = workspace.load(job.key_of_part(part), PartArrays)
            if found is not None:
                take(part, found)
            return found is not None

        missing = [part for part in parts if not taken(part)]
        for key, templates in zip(job.sets, self._sets, strict=True):
            workspace.save(key, templates)
        if job.wanted and wanted is not None:
            workspace.save(job.wanted, wanted)
        context = self._context

        def done(position: int, _: None) -> None:
            if not taken(missing[position]):
                raise damaged_result(workspace, RESUME_HINT)

        with prepared_workers(
            context.cluster, RESUME_HINT, context.progress.note, worker.prepare, job.audit
        ) as workers:
            workers.run(compare, replace(job, parts=missing), len(missing), context.warnings, done)
        passing = [*job.sets, *([job.wanted] if job.wanted else []), job.audit.probe_key]
        workspace.discard([*map(job.key_of_part, parts), *passing])


def compare(job: ComparisonJob, position: int) -> TaskDone[None]:
    """Make one part."""

    def run(_: PluginWarnings) -> None:
        part, workspace = job.parts[position], Workspace(job.audit.place)
        comparison, wanted = _arranged.of(job.token, lambda: _arrange(job, workspace))
        workspace.save(job.key_of_part(part), comparison.again().part(part, wanted))

    return run_task(worker.prepare(job.audit), run)


_arranged: ProcessCache[tuple[Comparison, NDArray[Any] | None]] = ProcessCache(make_room=True)
"""The comparison that this process is at, with the distances to own identities."""


def _arrange(job: ComparisonJob, workspace: Workspace) -> tuple[Comparison, NDArray[Any] | None]:
    probes, *references = [_writable(load_required(workspace, key, Templates)) for key in job.sets]
    comparison = Comparison.of(
        worker.recognizer(job.audit, job.recognizer),
        probes,
        references[0] if references else None,
        identify=job.wanted is not None,
        settings=ComparisonSettings(pairs=job.pairs, rows=job.rows),
    )
    return comparison, load_required(workspace, job.wanted, NDArray[Any]) if job.wanted else None


def _writable(templates: Templates) -> Templates:
    """Templates in writable arrays: loops would be compiled again for read-only ones."""
    starts = None if templates.starts is None else templates.starts.copy()
    labels = (templates.identities.copy(), templates.subjects.copy(), templates.sources.copy())
    return Templates(templates.data.copy(), *labels, starts)
