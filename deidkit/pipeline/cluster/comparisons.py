"""Long comparisons on the workers of a cluster: templates and the results of parts are in the workspace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from numpy.typing import NDArray

from deidkit.comparison import Arrays, Comparison, ComparisonSettings, Templates
from deidkit.errors import DeidkitError, UsageError
from deidkit.pipeline.cluster import worker
from deidkit.pipeline.cluster.connection import connected
from deidkit.pipeline.cluster.job import ClusterJob, refused
from deidkit.pipeline.cluster.process_cache import ProcessCache
from deidkit.pipeline.cluster.workers import Workers
from deidkit.pipeline.comparison_checkpoint import digest_of
from deidkit.pipeline.context import AuditContext
from deidkit.pipeline.workspace import Workspace, key_of

R = TypeVar("R")
PartArrays = dict[str, NDArray[Any]]
"""Result of a part of a comparison, by name."""


@dataclass(frozen=True)
class ComparisonJob:
    """A comparison as workers get it.

    Attributes:
        audit: The audit that it belongs to.
        recognizer: Label of the recognizer.
        comparison: Key of the comparison.
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


class OnCluster:
    """The parts of one comparison, made by a cluster; satisfies `deidkit.comparison.PartRunner`.

    Args:
        context: The audit.
        audit: Describes the audit to workers; called when there is something to compare.
        resume_hint: What the user does to continue after the work was ended.
        recognizer: Label of the recognizer.
        comparison: Key of the comparison.
        sets: The templates.
    """

    def __init__(
        self,
        context: AuditContext,
        audit: Callable[[], ClusterJob],
        resume_hint: str,
        *,
        recognizer: str,
        comparison: str,
        sets: Sequence[Templates],
    ) -> None:
        self._context, self._audit, self._resume_hint = context, audit, resume_hint
        self._recognizer, self._comparison, self._sets = recognizer, comparison, sets

    def compare(
        self, rows: int, wanted: NDArray[Any] | None, parts: Sequence[range], take: Callable[[range, Arrays], None]
    ) -> None:
        """Make every part that is not in the workspace, and take all."""
        workspace = self._context.workspace
        job = ComparisonJob(
            audit=self._audit(),
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
        with connected(self._context.cluster, self._resume_hint) as client:
            workers = Workers(client, self._context.cluster, self._resume_hint, self._context.progress.note)
            workers.prepare(unfit, job)

            def done(position: int, failure: DeidkitError | None) -> None:
                if failure is not None:
                    raise failure
                if not taken(missing[position]):
                    raise DeidkitError(
                        f"a part of a comparison that a worker left in {workspace.where} is damaged and was removed; "
                        f"{self._resume_hint}."
                    )

            workers.run(compare, replace(job, parts=missing), len(missing), done)
        passing = [*job.sets, *([job.wanted] if job.wanted else []), job.audit.probe_key]
        workspace.discard([*map(job.key_of_part, parts), *passing])


def unfit(job: ComparisonJob) -> str:
    """See `worker.prepare`."""
    return worker.prepare(job.audit)


def compare(job: ComparisonJob, position: int) -> DeidkitError | None:
    """Make one part; returns why the audit cannot continue, empty if it can."""
    from distributed import get_worker

    why = unfit(job)  # a worker may have come later than the others
    if why:
        return UsageError(refused(get_worker().address, why))
    part = job.parts[position]
    workspace = Workspace(job.audit.place)
    try:
        comparison, wanted = _arranged.of(job.token, lambda: _arrange(job, workspace))
        workspace.save(job.key_of_part(part), comparison.again().part(part, wanted))
    except DeidkitError as error:
        return error
    return None


_arranged: ProcessCache[tuple[Comparison, NDArray[Any] | None]] = ProcessCache(make_room=True)
"""The comparison that this process is at, with the distances to own identities."""


def _arrange(job: ComparisonJob, workspace: Workspace) -> tuple[Comparison, NDArray[Any] | None]:
    probes, *references = [_writable(_loaded(workspace, key, Templates)) for key in job.sets]
    comparison = Comparison.of(
        worker.recognizer(job.audit, job.recognizer),
        probes,
        references[0] if references else None,
        identify=job.wanted is not None,
        settings=ComparisonSettings(pairs=job.pairs, rows=job.rows),
    )
    return comparison, _loaded(workspace, job.wanted, NDArray[Any]) if job.wanted else None


def _writable(templates: Templates) -> Templates:
    """Templates in writable arrays: loops would be compiled again for read-only ones."""
    starts = None if templates.starts is None else templates.starts.copy()
    labels = (templates.identities.copy(), templates.subjects.copy(), templates.sources.copy())
    return Templates(templates.data.copy(), *labels, starts)


def _loaded(workspace: Workspace, key: str, record: type[R]) -> R:
    found = workspace.load(key, record)
    if found is None:
        raise DeidkitError(f"what is to be compared is missing or damaged in {workspace.where}; start it again.")
    return found
