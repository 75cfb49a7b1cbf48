"""Attacks on the workers of a cluster, one attacker a task, which read pictures and keep scores in the workspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from threading import Lock
from types import TracebackType
from typing import Any, Self, TypeVar

from deidkit.attacks import AttackOutcome
from deidkit.pipeline.attack_material import Materials
from deidkit.pipeline.attacking import AttackRequest, Controls, LocalAttackRunner, key_of_part
from deidkit.pipeline.cluster import worker
from deidkit.pipeline.cluster.job import RESUME_HINT, ClusterJob
from deidkit.pipeline.cluster.process_cache import ProcessCache
from deidkit.pipeline.cluster.tasks import TaskDone, damaged_result, load_required, run_task
from deidkit.pipeline.cluster.workers import Workers, prepared_workers
from deidkit.pipeline.context import AuditContext
from deidkit.pipeline.numbering import number
from deidkit.pipeline.plugin_warnings import PluginWarnings
from deidkit.pipeline.records import StageRecord
from deidkit.pipeline.stage_plan import EngineStages, StagePlan
from deidkit.pipeline.stages import Stage, StageResults
from deidkit.pipeline.workspace import key_of

R = TypeVar("R", bound=StageRecord)


class ControlsRecord(StageRecord, frozen=True, kw_only=True):
    """The controls of one attacker on the originals."""

    controls: Controls


class OutcomeRecord(StageRecord, frozen=True, kw_only=True):
    """The outcome of one attack on one engine."""

    outcome: AttackOutcome


@dataclass(frozen=True)
class AttacksJob:
    """Attacks as workers get them.

    Attributes:
        key: Hash of what they depend on besides the attacker.
        reference_percent: Rank-1 identification rate of the best recognizer among originals.
        regions: Keys of the originals' regions.
        engine: Whose copies are attacked; None for controls on the originals.
        controls: Key of the controls on the originals.
        indices: Of the attackers in the audit, one task each.
        before: Indices of the attackers whose results are combined.
    """

    audit: ClusterJob
    key: str
    reference_percent: float
    regions: Sequence[str]
    engine: AttackedEngine | None
    controls: str
    indices: Sequence[int]
    before: Sequence[int]

    @property
    def token(self) -> str:
        """Identifies it among all jobs."""
        return f"{self.audit.token}-{key_of(self.key, list(self.indices))[:16]}"


@dataclass(frozen=True)
class AttackedEngine:
    """An engine by its number in the audit, from 1, with the keys of its copies' regions and of an adversary's own."""

    number: int
    regions: Sequence[str]
    own: Sequence[str]


class ClusterAttackRunner:
    """Attacks on the workers of a cluster, connected to when needed; satisfies `attacking.AttackRunner`."""

    def __init__(
        self, context: AuditContext, stages: StagePlan, results: StageResults, reference_percent: float
    ) -> None:
        self._context, self._stages, self._results = context, stages, results
        self._reference_percent = reference_percent
        self._stack = ExitStack()
        self._job: ClusterJob | None = None
        self._workers: Workers | None = None
        self._controls = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None and self._job is not None:
                self._context.workspace.discard([self._job.probe_key])
        finally:
            self._stack.__exit__(kind, error, trace)

    def controls(self, request: AttackRequest, before: Mapping[int, Controls]) -> list[Controls]:
        """See `AttackRunner.controls`."""
        self._controls = request.key
        job = self._job_of(request, None, list(before))
        return [record.controls for record in self._records(job, ControlsRecord, request)]

    def outcomes(
        self,
        request: AttackRequest,
        stages: EngineStages,
        controls: Mapping[int, Controls],
        before: Mapping[int, AttackOutcome],
    ) -> list[AttackOutcome]:
        """See `AttackRunner.outcomes`."""
        assert stages.regions is not None, "attacks are made where their stages are"
        own = self._results.keys_of(stages.own_copies) if stages.own_copies else []
        engine = AttackedEngine(stages.number, self._results.keys_of(stages.regions), own)
        job = self._job_of(request, engine, list(before))
        return [record.outcome for record in self._records(job, OutcomeRecord, request)]

    def _job_of(self, request: AttackRequest, engine: AttackedEngine | None, before: Sequence[int]) -> AttacksJob:
        assert self._stages.regions is not None, "attacks are made where their stages are"
        if self._job is None:
            self._job = ClusterJob.of(self._context)
        return AttacksJob(
            audit=self._job,
            key=request.key,
            reference_percent=self._reference_percent,
            regions=self._results.keys_of(self._stages.regions),
            engine=engine,
            controls=self._controls,
            indices=request.indices,
            before=before,
        )

    def _records(self, job: AttacksJob, record: type[R], request: AttackRequest) -> Sequence[R]:
        """The result of every task: from the workspace where it is there, else made by workers."""
        workspace = self._context.workspace
        found: dict[int, R] = {}

        def taken(index: int) -> bool:
            stored = workspace.load(key_of_part(job.key, index), record)
            if stored is not None:
                found[index] = stored
                request.warnings.include(stored.warnings, stored.notes)
                request.advance()
            return stored is not None

        missing = [index for index in job.indices if not taken(index)]

        def done(position: int, _: None) -> None:
            if not taken(missing[position]):
                raise damaged_result(workspace, RESUME_HINT)

        if missing:
            part = replace(job, indices=missing)
            self._prepared(part.audit).run(attack, part, len(missing), request.warnings, done)
        return [found[index] for index in job.indices]

    def _prepared(self, audit: ClusterJob) -> Workers:
        if self._workers is None:
            note = self._context.progress.note
            self._workers = self._stack.enter_context(
                prepared_workers(self._context.cluster, RESUME_HINT, note, worker.prepare, audit)
            )
        return self._workers


def attack(job: AttacksJob, position: int) -> TaskDone[None]:
    """Make the controls of one attacker, or its attack on an engine."""
    return run_task(
        worker.prepare(job.audit), lambda own: _attack(job, job.indices[position], own), notes_are_stored=True
    )


def _attack(job: AttacksJob, index: int, own: PluginWarnings) -> None:
    audit = worker.prepared(job.audit)
    workspace = audit.context.workspace
    runner = LocalAttackRunner(audit.context, _materials(job, audit), job.reference_percent)
    request = AttackRequest(job.key, [index], own, advance=lambda: None)

    def controls_of(attacker: int) -> Controls:
        return load_required(workspace, key_of_part(job.controls, attacker), ControlsRecord).controls

    if job.engine is None:
        before = {attacker: controls_of(attacker) for attacker in job.before}
        found = runner.controls(request, before)[0]
        controls_record = ControlsRecord(controls=found, warnings=own.sentences, notes=own.notes)
        workspace.save(key_of_part(job.key, index), controls_record)
        return
    earlier = {p: load_required(workspace, key_of_part(job.key, p), OutcomeRecord).outcome for p in job.before}
    engine, controls = audit.stages.engines[job.engine.number - 1], {index: controls_of(index)}
    outcome = runner.outcomes(request, engine, controls, earlier)[0]
    record = OutcomeRecord(outcome=outcome, warnings=own.sentences, notes=own.notes)
    workspace.save(key_of_part(job.key, index), record)


@dataclass(frozen=True)
class _AttackInputs:
    results: StageResults
    materials: Materials
    lock: Lock = field(default_factory=Lock)

    @classmethod
    def of(cls, job: AttacksJob, audit: worker.Prepared) -> _AttackInputs:
        results = StageResults(audit.context, audit.batches)
        if audit.stages.regions is not None:
            _note_keys(results, audit.stages.regions, job.regions)
        samples = number(audit.context.inspection.samples)
        return cls(results, Materials(audit.context, audit.stages, results, samples))


_inputs: ProcessCache[_AttackInputs] = ProcessCache(make_room=True)
"""The pictures that this process attacks."""


def _materials(job: AttacksJob, audit: worker.Prepared) -> Materials:
    inputs = _inputs.of(job.audit.token, lambda: _AttackInputs.of(job, audit))
    with inputs.lock:
        if job.engine is None:
            _ = inputs.materials.for_controls  # once, though several threads are about to ask
            return inputs.materials
        engine = audit.stages.engines[job.engine.number - 1]
        if engine.regions is not None:
            _note_keys(inputs.results, engine.regions, job.engine.regions)
        if engine.own_copies is not None:
            _note_keys(inputs.results, engine.own_copies, job.engine.own)
        inputs.materials.of(engine)
        return inputs.materials


def _note_keys(results: StageResults, stage: Stage[Any], keys: Sequence[str]) -> None:
    for work, key in zip(results.batches, keys, strict=True):
        results.made_elsewhere(stage, work, key)
