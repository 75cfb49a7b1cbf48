"""Read-only access to audits in the score store."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import msgspec
import numpy as np
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, undefer

from deidkit.errors import StoreError
from deidkit.json_records import record
from deidkit.measures import MetricKey
from deidkit.measures.evidence import Influence
from deidkit.result import SCHEMA_VERSION, AuditResult, Component, Estimate
from deidkit.scores import Scores
from deidkit.store import codec, models
from deidkit.store.session import reading


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One audit in a list.

    Attributes:
        status: ``running``, ``interrupted``, ``measured`` or ``done``.
        verdict: Verdict on the whole audit; None if it has not finished.
        dataset: Label; None if it has not finished.
        engines: Labels of the judged engines, or of all if none is judged.
        headline: Engine -> share of its copies, in percent, that the most successful recognizer or the strongest attack
            identifies, whichever is more; None where it was not computed.
    """

    id: str
    started: datetime
    status: str
    verdict: str | None
    dataset: str | None
    output: str
    engines: list[str]
    headline: dict[str, float | None]


@dataclass(frozen=True)
class _Engine:
    component: Component


@dataclass(frozen=True)
class _Outline:
    """The part of a result that a list shows; the rest of the document is skipped."""

    engines: list[_Engine]
    cells: list[_Metrics]
    attacks: list[_Attacked] = field(default_factory=list)


@dataclass(frozen=True)
class _Metrics:
    metrics: dict[str, Estimate]
    engine: str = ""


@dataclass(frozen=True)
class _Attacked:
    engine: str
    strongest: _Metrics | None


def audit_rows(engine: Engine) -> list[AuditRow]:
    """All audits, the newest first."""
    with reading(engine) as session:
        return [_row(audit) for audit in session.scalars(select(models.Audit).order_by(models.Audit.started.desc()))]


def find_audit(engine: Engine, text: str) -> AuditRow:
    """One audit by its id or the beginning of one. Raises StoreError where there is none of that id, or several."""
    with reading(engine) as session:
        return _row(_found(session, text))


def _row(audit: models.Audit) -> AuditRow:
    dataset = audit.dataset.name if audit.dataset else None
    headline = _headline(audit.document) if audit.document else {}
    return AuditRow(
        audit.id, audit.started, audit.status, audit.verdict, dataset, audit.output, list(headline), headline
    )


def _headline(document: str) -> dict[str, float | None]:
    """Engine -> largest share of its copies that are identified; empty for an unreadable result."""
    try:
        outline = record(document, _Outline)
    except msgspec.DecodeError:
        return {}
    components = [engine.component for engine in outline.engines]
    judged = [component.label for component in components if component.judged]
    attacked = {a.engine: a.strongest.metrics["strongest_rank_1_percent"] for a in outline.attacks if a.strongest}
    found: dict[str, float | None] = {}
    for label in judged or [component.label for component in components]:
        ranks = [
            c.metrics["rank_1_percent"] for c in outline.cells if c.engine == label and "rank_1_percent" in c.metrics
        ]
        if label in attacked:  # attacks exclude the own original from the gallery, and may find less
            ranks.append(attacked[label])
        found[label] = max((rank.value for rank in ranks if rank.value is not None), default=None)
    return found


def _found(session: Session, text: str) -> models.Audit:
    audits = session.scalars(select(models.Audit).order_by(models.Audit.started.desc())).all()
    found = [audit for audit in audits if text and audit.id.startswith(text)]
    if not found:
        known = ", ".join(audit.id for audit in audits[:5]) or "none"
        raise StoreError(f"no audit '{text}' is in the store. The newest: {known}.")
    if len(found) > 1:
        raise StoreError(f"'{text}' is the beginning of {len(found)} audits; give more of the id.")
    return found[0]


def load_result(engine: Engine, audit_id: str) -> AuditResult:
    """The result of a finished audit, by its id, the beginning of one, or ``latest``.

    Raises:
        StoreError: There is none of that id, several, or it has not finished.
    """
    with reading(engine) as session:
        done = select(models.Audit).where(models.Audit.document.is_not(None)).order_by(models.Audit.started.desc())
        latest = session.scalars(done.limit(1)).first() if audit_id == "latest" else None
        audit = latest or _found(session, audit_id)
        found, document = audit.id, audit.document
        if document is None:
            raise StoreError(f"audit {found} has not finished; run the same command again with --resume.")
    try:
        result = record(document, AuditResult)
    except msgspec.DecodeError as error:
        raise StoreError(f"the result of audit {found} cannot be read by this deidkit: {error}.") from error
    if result.schema_version > SCHEMA_VERSION:
        raise StoreError(f"audit {found} was written by a newer deidkit; use that one.")
    return result


def measured(engine: Engine, audit_id: str) -> AuditResult | None:
    """The result of an audit that lacks only its reports; None otherwise."""
    with reading(engine) as session:
        status = session.scalar(select(models.Audit.status).where(models.Audit.id == audit_id))
    return load_result(engine, audit_id) if status == "measured" else None


def load_scores(engine: Engine, audit_id: str, recognizer: str, kind: str, anonymizer: str | None = None) -> Scores:
    """The scores of one kind, as they were compared.

    Args:
        engine: An open store.
        audit_id: The audit.
        recognizer: Label of the recognizer.
        kind: ``genuine``, ``impostor``, ``deidentified`` ...
        anonymizer: Label of the engine; None for scores among originals.

    Raises:
        StoreError: There is no such set, or only its histogram was kept.
    """
    with reading(engine) as session:
        sets = session.scalars(
            select(models.ScoreSet).where(models.ScoreSet.audit_id == audit_id, models.ScoreSet.kind == kind)
        ).all()
        found = [
            s for s in sets if s.recognizer.label == recognizer and (s.engine.label if s.engine else None) == anonymizer
        ]
        if not found:
            raise StoreError(f"audit {audit_id} has no {kind} scores of {recognizer} on {anonymizer or 'originals'}.")
        if found[0].storage != "scores":
            raise StoreError(f"only a histogram was kept of the {found[0].count} {kind} scores of {recognizer}.")
        blocks = found[0].blocks
        return Scores(
            values=np.concatenate([codec.unpack(b.values, "<f8") for b in blocks]),
            probe_subjects=np.concatenate([codec.unpack(b.probe_subjects or b"", "<i4") for b in blocks]),
            reference_subjects=np.concatenate([codec.unpack(b.reference_subjects or b"", "<i4") for b in blocks]),
        )


def load_contributions(engine: Engine, audit_id: str) -> dict[MetricKey, Influence]:
    """Contribution of each person to each metric of an audit; empty for one of a deidkit that did not store it."""
    columns = (undefer(models.Metric.people), undefer(models.Metric.contributions))
    with reading(engine) as session:
        rows = session.scalars(
            select(models.Metric)
            .where(models.Metric.audit_id == audit_id, models.Metric.contributions.is_not(None))
            .options(*columns)
        )
        labels = {component.id: component.label for component in session.scalars(select(models.Component))}
        return {
            MetricKey(row.scope, labels.get(row.engine_id or 0, ""), labels.get(row.recognizer_id or 0, ""), row.name):
            Influence(
                value=row.value or 0.0,
                subjects=codec.unpack(row.people or b"", "<i4"),
                pseudo_values=codec.unpack(row.contributions or b"", "<f8"),
                bias=row.bias or 0.0,
            )
            for row in rows
        }  # fmt: skip
