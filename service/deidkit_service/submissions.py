"""Submissions as their submitters see them: creating, listing, cancelling, publishing, removing."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Select, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from deidkit_service import tables
from deidkit_service.accounts import Person, note
from deidkit_service.admission import (
    NewSubmission,
    check_benchmark,
    check_engine,
    check_person,
    check_quota,
    title_of,
)
from deidkit_service.database import is_full
from deidkit_service.home import Home
from deidkit_service.queue import ENDED, UNDER_WAY, positions
from deidkit_service.refusals import Refusal, not_found
from deidkit_service.removal import remove

LISTED = 500
"""Default maximum number of submissions in a list."""

_S = tables.Submission


@dataclass(frozen=True)
class Receipt:
    """Id of a submission, and whether it is new or one of the same content existed already."""

    identifier: str
    is_new: bool


class View(msgspec.Struct, frozen=True, kw_only=True):
    """A submission as the API shows it; `stopping` where it was cancelled and its worker has not stopped yet."""

    id: str
    benchmark: str
    organisation: str
    title: str
    kind: str
    engine: str
    digest: str
    size: int
    state: str
    position: int | None
    stage: str
    percent: int
    stopping: bool
    sentence: str
    verdict: str
    audit_id: str
    published: bool
    created: float
    started: float | None
    finished: float | None
    log: list[str]
    numbers: dict[str, Any]


def create(home: Home, person: Person, entry: NewSubmission, upload: Path | None) -> Receipt:
    """Create a submission with its upload; returns an existing one of the organisation if it has the same content.

    Raises:
        Refusal: The submission is not accepted.
    """
    check_person(person, entry.benchmark)
    title, identifier = title_of(entry.title), secrets.token_hex(6)
    try:
        return _create(home, person, replace(entry, title=title), identifier, upload)
    except BaseException:
        _take_back(home.submission(identifier), upload)  # for example, the disk may be too full for the row
        raise


def _take_back(folder: Path, upload: Path | None) -> None:
    if upload is not None:
        with suppress(FileNotFoundError):
            (folder / "upload.zip").replace(upload)
    shutil.rmtree(folder, ignore_errors=True)


def _create(home: Home, person: Person, entry: NewSubmission, identifier: str, upload: Path | None) -> Receipt:
    with home.database.writing() as session:
        benchmark = session.get(tables.Benchmark, entry.benchmark, with_for_update=True)
        check_benchmark(benchmark, entry.benchmark, entry.kind)
        check_engine(home, entry)
        same = session.scalar(_same(person, entry))
        if same is not None:
            return Receipt(same, is_new=False)
        now = home.database.now(session)
        check_quota(home, session, person, now)
        session.add(
            _S(
                id=identifier,
                benchmark=entry.benchmark,
                token_id=person.token_id,
                organisation=person.organisation,
                title=entry.title,
                kind=entry.kind,
                engine=entry.engine,
                digest=entry.digest,
                size=entry.size,
                state="validating",
                created=now,
            )
        )
        note(session, now, person, "submission handed in", identifier)
        folder = home.submission(identifier)
        folder.mkdir(mode=0o700)
        if upload is not None:  # before the row is committed, so that the checker finds the file
            upload.replace(folder / "upload.zip")
    return Receipt(identifier, is_new=True)


def _same(person: Person, entry: NewSubmission) -> Select[str]:
    """Select the organisation's submission of the same content, unless it failed or was cancelled."""
    again = UNDER_WAY if entry.kind == "service" else (*UNDER_WAY, "done")  # a web service may have changed since
    return select(_S.id).where(
        _S.benchmark == entry.benchmark,
        _S.organisation == person.organisation,
        _S.digest == entry.digest,
        _S.engine == entry.engine,
        _S.kind == entry.kind,
        _S.state.in_(again),
        _S.wanted_end == "",
    )


def known(home: Home, person: Person, benchmark: str, kind: str, digest: str) -> str:
    """Return the id of the organisation's submission of the same content. Raises Refusal if there is none."""
    entry = NewSubmission(benchmark=benchmark, kind=kind, title="", digest=digest)
    with home.database.reading() as session:
        found = session.scalar(_same(person, entry))
    if found is None:
        raise not_found("submission of this content to benchmark", benchmark)
    return found


def check_beforehand(home: Home, person: Person, benchmark: str, kind: str, title: str) -> None:
    """Raise Refusal, before the file is received, for what would be refused with any file."""
    check_person(person, benchmark)
    title_of(title)
    with home.database.reading() as session:
        check_benchmark(session.get(tables.Benchmark, benchmark), benchmark, kind)


def get(home: Home, person: Person, identifier: str) -> View:
    """Return a submission. Raises Refusal if it does not exist or is not visible to the person."""
    with home.database.reading() as session:
        row = _visible(session, person, identifier)
        return view(row, positions(session) if row.state == "queued" else {})


def list_visible(
    home: Home, person: Person, benchmark: str = "", states: Sequence[str] = (), limit: int = LISTED
) -> list[View]:
    """Return the submissions that a person may see, newest first: the organisation's, or all for an operator."""
    query = select(_S).where(_S.wanted_end != "delete").order_by(_S.created.desc(), _S.id).limit(limit)
    if states:
        query = query.where(_S.state.in_(states))
    if not person.may("operate"):
        query = query.where(_S.organisation == person.organisation)
    if benchmark:
        query = query.where(_S.benchmark == benchmark)
    with home.database.reading() as session:
        places = positions(session)
        return [view(row, places) for row in session.scalars(query)]


def view(row: tables.Submission, places: Mapping[str, int]) -> View:
    """Convert a row into the API's record; `places` are the positions in the queue."""
    shared = {name: getattr(row, name) for name in {*View.__struct_fields__} - {"position", "stopping", "log"}}
    stopping = bool(row.wanted_end) and row.state not in ENDED
    return View(**shared, position=places.get(row.id), stopping=stopping, log=row.log.splitlines())


def cancel(home: Home, person: Person, identifier: str) -> None:
    """Cancel a waiting or running submission. Raises Refusal if it is not the person's or has already ended."""
    with home.database.writing() as session:
        row = _own(session, person, identifier)
        if row.state in ENDED:
            raise Refusal(409, f"submission {identifier} is {row.state}, there is nothing to cancel.")
        now = home.database.now(session)
        _end(row, now, "cancel")
        note(session, now, person, "submission cancelled", identifier)
        gone = row.state == "cancelled"
    if gone:
        home.forget_now_or_later(identifier)


def delete(home: Home, person: Person, identifier: str) -> bool:
    """Remove a submission with its pictures, scores, numbers and report.

    Returns:
        Whether it is removed; False if that happens later, as a worker must stop first or a file is in use.

    Raises:
        Refusal: It does not exist, is not the person's, or the disk is too full to remove its row.
    """
    try:
        gone = _mark_for_removal(home, person, identifier)
    except OperationalError as error:
        if not is_full(error) or not _make_room(home, person, identifier):
            raise
        with _disk_full_as_refusal():
            gone = _mark_for_removal(home, person, identifier)
    return gone and remove(home, identifier)


def _make_room(home: Home, person: Person, identifier: str) -> bool:
    """Free disk space by removing the files of a submission, if it has ended; returns whether it did."""
    with home.database.reading() as session:
        ended = _own(session, person, identifier).state in ENDED
    try:
        if ended:
            home.forget(identifier, reports=True)
    except OSError:
        return False
    return ended


@contextmanager
def _disk_full_as_refusal() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        if not is_full(error):
            raise
        raise Refusal(
            507,
            "the disk is full: the submission's pictures and report are removed, its scores and its entry are not; "
            "remove it again when the operator has made room.",
        ) from error


def _mark_for_removal(home: Home, person: Person, identifier: str) -> bool:
    """Mark a submission for removal; returns whether it can be removed now."""
    with home.database.writing() as session:
        row = _own(session, person, identifier)
        now = home.database.now(session)
        note(session, now, person, "submission deleted", identifier)
        if row.state not in ENDED:
            _end(row, now, "delete")
        else:
            row.wanted_end = "delete"
        return row.state in ENDED


def publish(home: Home, person: Person, identifier: str, *, shown: bool) -> None:
    """Publish a finished submission on the leaderboard, or withdraw it. Raises Refusal if it is not finished."""
    with home.database.writing() as session:
        row = _own(session, person, identifier)
        if row.state != "done":
            raise Refusal(409, f"submission {identifier} is {row.state}; only one that is done can be published.")
        row.published = shown
        now = home.database.now(session)
        note(session, now, person, "submission published" if shown else "submission withdrawn", identifier)


def finished(home: Home, person: Person | None, identifier: str) -> tables.Submission:
    """Return a finished submission whose report a person may see.

    Raises:
        Refusal: It does not exist, has not finished, or is neither published nor visible to the person.
    """
    with home.database.reading() as session:
        row = session.get(_S, identifier)
    if row is None or not _may_see(person, row):
        raise not_found("report", identifier)
    if row.state != "done":
        raise Refusal(404, f"submission {identifier} is {row.state} and has no report.")
    return row


def report_file(home: Home, person: Person | None, identifier: str, name: str) -> Path:
    """Return the path of a file of a finished submission's report.

    Raises:
        Refusal: The file does not exist, or the submission is neither published nor visible to the person.
    """
    finished(home, person, identifier)
    path = home.submission(identifier) / "report" / name
    if not path.is_file():
        raise Refusal(404, f"submission {identifier} has no {name}; its log says why.")
    return path


def _may_see(person: Person | None, row: tables.Submission) -> bool:
    if row.wanted_end == "delete":
        return False
    if row.published:
        return True
    return person is not None and (person.may("operate") or person.organisation == row.organisation)


def _visible(session: Session, person: Person, identifier: str) -> tables.Submission:
    row = session.get(_S, identifier)
    if row is None or not _may_see(person, row) or (row.published and not _is_of(person, row)):
        raise not_found("submission", identifier)
    return row


def _is_of(person: Person, row: tables.Submission) -> bool:
    return person.may("operate") or person.organisation == row.organisation


def _own(session: Session, person: Person, identifier: str) -> tables.Submission:
    row = session.get(_S, identifier, with_for_update=True)
    if row is None or row.wanted_end == "delete" or not _is_of(person, row):
        raise not_found("submission", identifier)
    if not person.may("submit"):
        raise Refusal(403, f"a {person.role}'s token cannot change submissions.")
    return row


def _end(row: tables.Submission, now: float, how: str) -> None:
    row.wanted_end = how
    if row.state == "queued" or (row.state == "validating" and not row.lease):
        row.state, row.finished = "cancelled", now
