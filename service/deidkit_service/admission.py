"""Admission of submissions: checks of the submitter, benchmark, engine and quota."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from deidkit_service import tables
from deidkit_service.accounts import Person
from deidkit_service.home import Home
from deidkit_service.queue import UNDER_WAY
from deidkit_service.refusals import Refusal

DAY = 86_400

_S = tables.Submission


@dataclass(frozen=True, kw_only=True)
class NewSubmission:
    """A submission before it is accepted.

    Attributes:
        benchmark: Name of the benchmark that it is for.
        kind: See `deidkit_service.benchmarks.Kind`.
        title: Name on the leaderboard.
        digest: SHA-256 of the upload, or of the engine's configuration.
        size: Size of the upload in bytes.
        engine: The web service's address or the name of an installed engine; empty for uploads.
    """

    benchmark: str
    kind: str
    title: str
    digest: str
    size: int = 0
    engine: str = ""


def new_engine_submission(home: Home, benchmark: str, kind: str, title: str, engine: str) -> NewSubmission:
    """Make a submission of an engine or web service that the worker calls itself."""
    engine = engine.strip()
    choice = home.settings.engines.get(engine, "") if kind == "engine" else engine
    digest = hashlib.sha256(choice.encode()).hexdigest()
    return NewSubmission(benchmark=benchmark, kind=kind, title=title, digest=digest, engine=engine)


def check_person(person: Person, benchmark: str) -> None:
    """Raise Refusal if a person may not submit to a benchmark."""
    if not person.may("submit"):
        raise Refusal(403, f"a {person.role}'s token cannot submit; ask the operator for a submitter's.")
    person.check_benchmark(benchmark)


def title_of(text: str) -> str:
    """Return a title without surrounding blanks. Raises Refusal if it is empty, too long or not printable."""
    title = text.strip()
    if not title or len(title) > 100 or not title.isprintable():
        raise Refusal(422, "a title has 1 to 100 printable characters.")
    return title


def check_benchmark(benchmark: tables.Benchmark | None, name: str, kind: str) -> None:
    """Raise Refusal if a benchmark does not exist, is closed or does not accept submissions of this kind."""
    if benchmark is None:
        raise Refusal(404, f"there is no benchmark '{name}'.")
    if benchmark.closed is not None:
        raise Refusal(409, f"benchmark '{name}' is closed.")
    if kind not in benchmark.accepts:
        raise Refusal(422, f"benchmark '{name}' takes {' and '.join(benchmark.accepts)}, not {kind}.")


def check_engine(home: Home, entry: NewSubmission) -> None:
    """Raise Refusal for an engine or a web service that the operator does not offer."""
    if entry.kind == "engine" and entry.engine not in home.settings.engines:
        known = ", ".join(sorted(home.settings.engines)) or "none"
        raise Refusal(422, f"the operator offers no engine '{entry.engine[:60]}'; offered: {known}.")
    if entry.kind == "service":
        try:
            parts = urlsplit(entry.engine)
        except ValueError:
            parts = urlsplit("")
        if (
            parts.scheme not in ("http", "https")
            or "," in entry.engine
            or "@" in parts.netloc
            or len(entry.engine) > 500
        ):
            raise Refusal(
                422, "the address of a web service is http:// or https://, without a comma, a name or a password."
            )
        if not {parts.hostname, parts.netloc} & set(home.settings.service_hosts):
            raise Refusal(
                422,
                f"pictures may not be sent to '{parts.hostname}'; the operator lists hosts in service_hosts of "
                "service.toml.",
            )


def check_quota(home: Home, session: Session, person: Person, now: float) -> None:
    """Raise Refusal if a token has used up its quota."""
    settings = home.settings
    mine = select(func.count()).select_from(_S).where(_S.token_id == person.token_id)
    waiting = session.scalar(mine.where(_S.state.in_(UNDER_WAY))) or 0
    if waiting >= settings.waiting:
        raise Refusal(
            429, f"{waiting} submissions of this token wait or run, which is the limit; wait for one, or cancel one."
        )
    limit = settings.submissions_a_day if person.submissions_a_day is None else person.submissions_a_day
    if _used(session, person, now) >= limit:
        raise Refusal(
            429,
            f"this token has handed in {limit} submissions within a day, which is its quota; those that failed or were "
            "cancelled do not count.",
        )


def used_today(home: Home, person: Person) -> int:
    """Return how many submissions within the last 24 hours count against a token's quota."""
    with home.database.reading() as session:
        return _used(session, person, home.database.now(session))


def _used(session: Session, person: Person, now: float) -> int:
    counted = select(func.count()).select_from(_S).where(_S.token_id == person.token_id, _S.created > now - DAY)
    return session.scalar(counted.where(_S.state.in_((*UNDER_WAY, "done")))) or 0
