"""The queue, kept in the submissions' rows: a worker takes a row by a lease, which it renews.

The lease of a dead worker expires; another worker then takes the row and resumes the audit. Every update requires that
the row is unchanged and that the worker still holds the lease, so that two workers never hold one row, and a worker
that was wrongly taken for dead can change nothing. The statements are the same for SQLite and PostgreSQL. For why no
library is used, see docs/service.md.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from deidkit_service import tables
from deidkit_service.database import Database

State = Literal["validating", "queued", "running", "done", "failed", "cancelled"]

Work = Literal["check", "audit"]

ENDED: tuple[State, ...] = ("done", "failed", "cancelled")

UNDER_WAY: tuple[State, ...] = ("validating", "queued", "running")

LOG_CHARACTERS = 8_000
"""Maximum length of a submission's log; older lines are dropped."""

_S = tables.Submission


@dataclass(frozen=True)
class Lease:
    """The right to work on one submission."""

    submission: str
    key: str


@dataclass(frozen=True)
class Queue:
    """The queue as one worker sees it.

    Attributes:
        seconds: Duration of a lease in seconds.
        attempts: Number of expired leases after which a submission fails.
    """

    database: Database
    worker: str
    seconds: float
    attempts: int

    def take(self, work: Work) -> Lease | None:
        """Take the submission that has waited longest for a check or an audit; None if none waits."""
        with self.database.writing() as session:
            now = self.database.now(session)
            self._follow_clock(session, work, now)
            self._give_up(session, now)
            for row in session.execute(_waiting(work, now)).all():
                lease = Lease(row.id, secrets.token_hex(16))
                # with the state, as finished and waiting rows both have an empty lease
                as_read = and_(_S.id == row.id, _S.lease == row.lease, _S.state == row.state)
                changes: dict[str, Any] = {
                    "lease": lease.key,
                    "lease_end": now + self.seconds,
                    "worker": self.worker,
                    "attempts": _S.attempts + 1,
                }
                if work == "audit":
                    changes |= {"state": "running", "started": func.coalesce(_S.started, now), "stage": "starting"}
                if _changed(session, as_read, changes):
                    return lease
        return None

    def renew(self, lease: Lease) -> Literal["held", "lost", "cancelled"]:
        """Renew a lease; `cancelled` if the submission was cancelled meanwhile."""
        with self.database.writing() as session:
            now = self.database.now(session)
            session.execute(update(tables.Worker).where(tables.Worker.id == self.worker).values(seen=now))
            if not _changed(session, _held(lease), {"lease_end": now + self.seconds}):
                return "lost"
            wanted = session.scalar(select(_S.wanted_end).where(_S.id == lease.submission))
        return "cancelled" if wanted else "held"

    def tell(self, lease: Lease, stage: str, percent: int, lines: str) -> None:
        """Store the progress of a submission, and add lines to its log."""
        with self.database.writing() as session:
            self._seen(session, self.database.now(session), lease.submission)
            log = session.scalar(select(_S.log).where(_S.id == lease.submission)) or ""
            changes = {"stage": stage, "percent": percent, "log": (log + lines)[-LOG_CHARACTERS:]}
            _changed(session, _held(lease), changes)

    def checked(self, lease: Lease) -> bool:
        """Queue a submission that passed its check for its audit."""
        return self._move(lease, {"state": "queued", "attempts": 0}, "queued")

    def done(self, lease: Lease, *, audit_id: str, verdict: str, numbers: dict[str, Any]) -> bool:
        """End a submission with its result, or as cancelled if that was requested; False if the lease was lost."""
        changes = {"state": "done", "audit_id": audit_id, "verdict": verdict, "numbers": numbers, "percent": 100}
        done = self._move(lease, {**changes, "stage": ""}, "finished", _S.wanted_end == "")
        return done or self.cancelled(lease)

    def failed(self, lease: Lease, sentence: str) -> bool:
        """End a submission that cannot be evaluated."""
        return self._move(lease, {"state": "failed", "sentence": sentence, "stage": ""}, "finished")

    def cancelled(self, lease: Lease) -> bool:
        """End a submission that was cancelled."""
        return self._move(lease, {"state": "cancelled", "stage": ""}, "finished")

    def give_back(self, lease: Lease) -> bool:
        """Return a submission to the queue because this worker stops; its position stays, and no attempt is counted."""
        return self._move(lease, {"state": "queued", "stage": "", "attempts": _S.attempts - 1}, None)

    def idle(self) -> None:
        """Record that this worker is idle."""
        with self.database.writing() as session:
            self._seen(session, self.database.now(session), "")

    def leave(self) -> None:
        """Record that this worker ends."""
        with self.database.writing() as session:
            session.execute(delete(tables.Worker).where(tables.Worker.id == self.worker))

    def _move(self, lease: Lease, changes: dict[str, Any], moment: str | None, *where: ColumnElement[bool]) -> bool:
        with self.database.writing() as session:
            when = {moment: self.database.now(session)} if moment else {}
            free = {"lease": "", "lease_end": 0.0}
            return _changed(session, and_(_held(lease), *where), {**changes, **when, **free})

    def _seen(self, session: Session, now: float, submission: str) -> None:
        values = {"seen": now, "submission": submission}
        found = session.execute(update(tables.Worker).where(tables.Worker.id == self.worker).values(**values))
        if not _rows(found):
            session.add(tables.Worker(id=self.worker, started=now, **values))

    def _follow_clock(self, session: Session, work: Work, now: float) -> None:
        """After a backward step of the clock, shorten leases to end in time and correct future times of workers."""
        state: State = "validating" if work == "check" else "running"
        latest = now + self.seconds
        _changed(session, and_(_S.state == state, _S.lease_end > latest), {"lease_end": latest})
        session.execute(update(tables.Worker).where(tables.Worker.seen > now).values(seen=now))

    def _give_up(self, session: Session, now: float) -> None:
        """End submissions that no worker will take: cancelled ones and those with too many expired leases."""
        ended = abandoned(now)
        free = {"lease": "", "lease_end": 0.0, "finished": now, "stage": ""}
        unwanted = and_(_S.wanted_end != "", or_(ended, _S.state == "queued"))
        _changed(session, unwanted, {**free, "state": "cancelled"})
        sentence = (
            f"{self.attempts} workers stopped in the middle of this audit without a word, the last at what the log "
            "names last; ask the operator to look at memory and at the workers' own logs, then hand it in again."
        )
        _changed(session, and_(ended, _S.attempts >= self.attempts), {**free, "state": "failed", "sentence": sentence})


def abandoned(now: float) -> ColumnElement[bool]:
    """Condition for submissions whose lease has expired: their workers have died."""
    return and_(_S.state.in_(("validating", "running")), _S.lease != "", _S.lease_end < now)


def positions(session: Session) -> dict[str, int]:
    """Return the position in the queue of every waiting submission, 1 for the next."""
    waiting = session.scalars(select(_S.id).where(_S.state == "queued").order_by(_S.queued, _S.id))
    return {identifier: place for place, identifier in enumerate(waiting, start=1)}


def _waiting(work: Work, now: float) -> Select[str, str, str]:
    if work == "check":
        mine = and_(_S.state == "validating", or_(_S.lease == "", _S.lease_end < now))
        return select(_S.id, _S.lease, _S.state).where(mine).order_by(_S.created, _S.id).limit(10)
    left = and_(_S.state == "running", _S.lease_end < now)
    return select(_S.id, _S.lease, _S.state).where(or_(_S.state == "queued", left)).order_by(_S.queued, _S.id).limit(10)


def _held(lease: Lease) -> ColumnElement[bool]:
    return and_(_S.id == lease.submission, _S.lease == lease.key)


def _changed(session: Session, where: ColumnElement[bool], values: dict[str, Any]) -> bool:
    statement = update(_S).where(where).values(**values).execution_options(synchronize_session=False)
    return _rows(session.execute(statement)) > 0


def _rows(result: Any) -> int:
    return int(result.rowcount)
