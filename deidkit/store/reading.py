"""Reads audits from the score store; changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec
import numpy as np
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from deidkit.errors import StoreError
from deidkit.result import SCHEMA_VERSION, AuditResult
from deidkit.scores import Scores
from deidkit.store import codec, models
from deidkit.store.session import reading


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One audit in a list."""

    id: str
    started: datetime
    status: str
    verdict: str | None
    dataset: str | None
    output: str


def audit_rows(engine: Engine) -> list[AuditRow]:
    """Every audit, the newest first."""
    with reading(engine) as session:
        return [_row(audit) for audit in session.scalars(select(models.Audit).order_by(models.Audit.started.desc()))]


def find_audit(engine: Engine, text: str) -> AuditRow:
    """One audit by its id or the beginning of one.

    Raises:
        StoreError: There is none of that id, or several.
    """
    with reading(engine) as session:
        return _row(_found(session, text))


def _row(audit: models.Audit) -> AuditRow:
    dataset = audit.dataset.name if audit.dataset else None
    return AuditRow(audit.id, audit.started, audit.status, audit.verdict, dataset, audit.output)


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
    """The result of a finished audit.

    Args:
        engine: An open store.
        audit_id: The audit's id, the beginning of one, or ``latest``.

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
        result = msgspec.json.decode(document, type=AuditResult)
    except msgspec.DecodeError as error:
        raise StoreError(f"the result of audit {found} cannot be read by this deidkit: {error}.") from error
    if result.schema_version > SCHEMA_VERSION:
        raise StoreError(f"audit {found} was written by a newer deidkit; upgrade deidkit.")
    return result


def measured(engine: Engine, audit_id: str) -> AuditResult | None:
    """The result of an audit that lacks nothing but its reports; None where more is missing, or nothing."""
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
