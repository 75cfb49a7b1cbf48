"""Writes one audit into the score store."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from sqlalchemy import ColumnElement, Engine, delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute

from deidkit.measures import Contributions, MetricKey
from deidkit.measures.evidence import Influence
from deidkit.protocols import Failure
from deidkit.result import AuditResult, Component, Estimate
from deidkit.scores import Scores, ScoreSet
from deidkit.store import codec, models
from deidkit.store.session import reading, writing

HISTOGRAM_BINS = 65_536
"""Bins of the histogram that is stored for a large set of scores."""


@dataclass(frozen=True, slots=True)
class FailureRow:
    """One picture without a result.

    Attributes:
        engine: Engine of the copy; None for an original.
    """

    engine: Component | None
    sample: int | None
    seed: int | None
    failure: Failure


@dataclass(frozen=True, slots=True)
class StoredAudit:
    """Id and output folder of an audit in the store."""

    audit_id: str
    folder: Path


def audits_of(engine: Engine, plan_digest: str) -> list[StoredAudit]:
    """The audits of a plan, the newest first."""
    return _audits(engine, models.Audit.plan_digest == plan_digest)


def unfinished(engine: Engine, plan_digest: str) -> list[StoredAudit]:
    """The audits of a plan that are not done, the newest first."""
    return _audits(engine, models.Audit.plan_digest == plan_digest, models.Audit.status != "done")


def finished(engine: Engine, plan_digest: str) -> list[StoredAudit]:
    """The audits of a plan that are done, the newest first."""
    return _audits(engine, models.Audit.plan_digest == plan_digest, models.Audit.status == "done")


def _audits(engine: Engine, *conditions: ColumnElement[bool]) -> list[StoredAudit]:
    with reading(engine) as session:
        audits = session.scalars(select(models.Audit).where(*conditions).order_by(models.Audit.started.desc()))
        return [StoredAudit(audit.id, Path(audit.output)) for audit in audits]


def is_done(engine: Engine, audit_id: str) -> bool:
    """Whether an audit has its result in the store."""
    with reading(engine) as session:
        return session.scalar(select(models.Audit.status).where(models.Audit.id == audit_id)) == "done"


def remove_rows(engine: Engine, audit_id: str) -> None:
    """Remove an audit with its measurements; data sets and components, which audits share, stay."""
    with writing(engine, "The audit stays in it.") as session:
        session.execute(delete(models.Audit).where(models.Audit.id == audit_id))


class AuditRecord:
    """One audit in the store, from its start to its result."""

    def __init__(self, engine: Engine, audit_id: str) -> None:
        self._engine, self.audit_id = engine, audit_id

    @classmethod
    def start(
        cls,
        engine: Engine,
        *,
        audit_id: str,
        plan: Mapping[str, object],
        plan_digest: str,
        version: str,
        output: str,
    ) -> AuditRecord:
        """Store the start of an audit."""
        with writing(engine) as session:
            session.add(
                models.Audit(
                    id=audit_id,
                    plan=dict(plan),
                    plan_digest=plan_digest,
                    status="running",
                    started=datetime.now(UTC),
                    deidkit_version=version,
                    output=output,
                )
            )
        return cls(engine, audit_id)

    def status(self, status: str) -> None:
        """Set the status of the audit: ``interrupted``, or ``done`` when its reports are written, too."""
        with writing(self._engine) as session:
            audit = session.get_one(models.Audit, self.audit_id)
            if audit.status != "done":  # another process may have finished it
                audit.status = status

    def restart(self) -> None:
        """Remove the data of an interrupted run, since the resumed one repeats all comparisons."""
        with writing(self._engine) as session:
            audit = session.get_one(models.Audit, self.audit_id)
            audit.status, audit.verdict, audit.finished, audit.document = "running", None, None, None
            session.execute(delete(models.ScoreSet).where(models.ScoreSet.audit_id == self.audit_id))

    def scores(
        self,
        recognizer: Component,
        engine: Component | None,
        sets: Mapping[str, ScoreSet | None],
        score_range: tuple[float, float],
    ) -> None:
        """Store the scores of one recognizer, replacing those of an interrupted run; empty sets are omitted."""
        recognizer_id = _component(self._engine, recognizer)
        engine_id = _component(self._engine, engine) if engine else None
        with writing(self._engine) as session:
            session.execute(
                delete(models.ScoreSet).where(
                    models.ScoreSet.audit_id == self.audit_id,
                    models.ScoreSet.recognizer_id == recognizer_id,
                    models.ScoreSet.engine_id.is_(None)
                    if engine_id is None
                    else models.ScoreSet.engine_id == engine_id,
                )
            )
            for kind, scores in sets.items():
                if scores is not None and scores.count:
                    row = _score_set(kind, scores, score_range)
                    row.audit_id, row.recognizer_id, row.engine_id = self.audit_id, recognizer_id, engine_id
                    session.add(row)

    def finish(
        self, result: AuditResult, failures: Sequence[FailureRow], contributions: Contributions | None = None
    ) -> None:
        """Store the result: the document, and its metrics, failures and timings as rows; the audit is ``measured``."""
        people = contributions or {}
        engines = {engine.component.label: _component(self._engine, engine.component) for engine in result.engines}
        recognizers = {
            recognizer.component.label: _component(self._engine, recognizer.component)
            for recognizer in result.recognizers
        }
        dataset_id = _dataset(self._engine, result)
        with writing(self._engine) as session:
            audit = session.get_one(models.Audit, self.audit_id)
            audit.metrics, audit.failures, audit.timings = [], [], []
            session.flush()
            audit.dataset_id = dataset_id
            audit.status, audit.verdict = "measured", result.verdict.status
            audit.finished = datetime.now(UTC)
            audit.document = msgspec.json.encode(result).decode()
            for engine in result.engines:
                rows = {**engine.quality, **engine.usability}
                scopes = dict.fromkeys(engine.quality, "quality") | dict.fromkeys(engine.usability, "usability")
                engine_id = engines[engine.component.label]
                audit.metrics += [
                    _metric(scopes[name], name, rows[name], engine_id, None,
                            people.get(MetricKey(scopes[name], engine.component.label, "", name)))
                    for name in rows
                ]  # fmt: skip
            for recognizer in result.recognizers:
                recognizer_id = recognizers[recognizer.component.label]
                label = recognizer.component.label
                audit.metrics += [
                    _metric("recognizer", name, estimate, None, recognizer_id,
                            people.get(MetricKey("recognizer", "", label, name)))
                    for name, estimate in recognizer.metrics.items()
                ]  # fmt: skip
                audit.metrics += [
                    _metric("cell", name, estimate, engines[cell.engine], recognizer_id,
                            people.get(MetricKey("cell", cell.engine, label, name)))
                    for cell in result.cells
                    if cell.recognizer == label
                    for name, estimate in cell.metrics.items()
                ]  # fmt: skip
            audit.failures = [
                models.Failure(
                    engine_id=engines[row.engine.label] if row.engine else None,
                    sample=row.sample,
                    seed=row.seed,
                    stage=row.failure.stage,
                    reason=row.failure.reason,
                )
                for row in failures
            ]
            audit.timings = [
                models.Timing(stage=timing.stage, items=timing.items, seconds=timing.seconds)
                for timing in result.timings
            ]


def _metric(
    scope: str,
    name: str,
    estimate: Estimate,
    engine_id: int | None,
    recognizer_id: int | None,
    influence: Influence | None,
) -> models.Metric:
    fields = asdict(estimate)
    del fields["safer"], fields["exact"]  # only in the document
    if influence is not None and len(influence.subjects) <= codec.BLOCK:
        fields["people"] = codec.pack(influence.subjects, "<i4")
        fields["contributions"] = codec.pack(influence.pseudo_values, "<f8")
        fields["bias"] = influence.bias
    return models.Metric(scope=scope, name=name, engine_id=engine_id, recognizer_id=recognizer_id, **fields)


def _dataset(engine: Engine, result: AuditResult) -> int:
    summary = result.dataset
    return _shared(
        engine,
        models.Dataset,
        models.Dataset.fingerprint,
        {
            "fingerprint": summary.fingerprint,
            "name": summary.component.label,
            "samples": summary.samples,
            "subjects": summary.subjects,
            "identities": summary.identities,
        },
    )


def _component(engine: Engine, component: Component) -> int:
    fields = asdict(component)
    del fields["control"], fields["baseline"], fields["remark"]  # roles and texts, not part of its identity
    digest = hashlib.sha256(msgspec.json.encode(fields, order="sorted")).hexdigest()
    return _shared(engine, models.Component, models.Component.digest, {"digest": digest, **fields})


def _shared(
    engine: Engine,
    model: type[models.Dataset | models.Component],
    key: InstrumentedAttribute[str],
    fields: dict[str, object],
) -> int:
    """Return the id of a row that all audits of the same thing share, adding it if necessary.

    Uses its own transaction: if another audit adds the row concurrently, one of the two fails, and must lose nothing
    else.
    """
    query = select(model.id).where(key == fields[key.key])
    with writing(engine) as session:
        if session.scalar(query) is None:
            with suppress(IntegrityError), session.begin_nested():
                session.add(model(**fields))
    with writing(engine) as session:
        found: int = session.scalars(query).one()
    return found


def _score_set(kind: str, scores: ScoreSet, score_range: tuple[float, float]) -> models.ScoreSet:
    distribution = scores.distribution()
    row = models.ScoreSet(kind=kind, count=scores.count, mean=distribution.mean, std=distribution.std)
    if isinstance(scores, Scores):
        row.storage = "scores"
        row.blocks = [
            models.ScoreBlock(
                position=position,
                count=part.stop - part.start,
                values=codec.pack(scores.values[part], "<f8"),
                probe_subjects=codec.pack(scores.probe_subjects[part], "<i4"),
                reference_subjects=codec.pack(scores.reference_subjects[part], "<i4"),
            )
            for position, part in enumerate(codec.blocks(scores.count))
        ]
    else:
        row.storage = "histogram"
        row.low, row.high = score_range
        counts = scores.histogram(*score_range, HISTOGRAM_BINS)
        row.blocks = [models.ScoreBlock(position=0, count=counts.size, values=codec.pack(counts, "<i8"))]
    return row
