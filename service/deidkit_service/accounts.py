"""Access tokens and browser sessions; of tokens and session cookies only hashes are stored."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, get_args

from sqlalchemy import delete, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from deidkit.errors import UsageError
from deidkit_service import tables
from deidkit_service.database import Database
from deidkit_service.refusals import Refusal

Role = Literal["operator", "submitter", "viewer"]
TokenState = Literal["in use", "revoked", "expired"]

ROLES: tuple[Role, ...] = get_args(Role)

MAY: dict[Role, frozenset[str]] = {
    "operator": frozenset({"look", "submit", "operate"}),
    "submitter": frozenset({"look", "submit"}),
    "viewer": frozenset({"look"}),
}
"""Permissions of each role: view the organisation's submissions, submit, operate the service."""

PREFIX = "deidkit_"
SESSION_SECONDS = 12 * 3600
USED_EVERY = 60.0
"""Minimum interval, in seconds, between two updates of a token's time of last use."""


@dataclass(frozen=True)
class Person:
    """The holder of a valid token.

    Attributes:
        token_id: Public id of the token.
        name: Name that the operator gave the token.
        organisation: Organisation whose submissions the token may see.
        role: Role of the token, which decides its permissions.
        submissions_a_day: Quota of the token; None for the service's default.
        benchmarks: Benchmarks that the token may be used for; empty for all.
        csrf: CSRF token that forms of the browser session must carry; empty outside of a browser session.
    """

    token_id: str
    name: str
    organisation: str
    role: Role
    submissions_a_day: int | None
    benchmarks: tuple[str, ...] = ()
    csrf: str = ""

    def may(self, what: str) -> bool:
        """Whether the role has a permission, see `MAY`."""
        return what in MAY[self.role]

    def check_benchmark(self, name: str) -> None:
        """Raise Refusal if the token is restricted to other benchmarks."""
        if self.benchmarks and name not in self.benchmarks:
            raise Refusal(403, f"this token is for {' and '.join(self.benchmarks)}, not for '{name}'.")


def create_token(
    database: Database,
    name: str,
    organisation: str,
    role: Role,
    *,
    days: float | None = None,
    submissions_a_day: int | None = None,
    benchmarks: Sequence[str] = (),
) -> tuple[str, str]:
    """Create a token for some benchmarks or for all; returns its public id and its secret, which is not stored.

    Raises:
        UsageError: A name is empty or longer than 100 characters.
    """
    for what, text in (("name", name), ("organisation", organisation)):
        if not text.strip() or len(text) > 100 or not text.isprintable():
            raise UsageError(f"a token's {what} has 1 to 100 printable characters.")
    secret, identifier = PREFIX + secrets.token_urlsafe(32), secrets.token_hex(4)
    with database.writing() as session:
        now = database.now(session)
        session.add(
            tables.Token(
                id=identifier,
                secret_hash=hashed(secret),
                name=name.strip(),
                organisation=organisation.strip(),
                role=role,
                created=now,
                expires=None if days is None else now + days * 86400,
                submissions_a_day=submissions_a_day,
                benchmarks=list(benchmarks),
            )
        )
        note(session, now, None, "token created", f"{identifier} {role} of {organisation.strip()}")
    return identifier, secret


def revoke_token(database: Database, identifier: str) -> None:
    """Revoke a token and end the browser sessions opened with it.

    Raises:
        UsageError: No token has this id, or it is already revoked.
    """
    with database.writing() as session:
        now = database.now(session)
        found = session.get(tables.Token, identifier)
        if found is None or found.revoked is not None:
            raise UsageError(f"no token in use has the id '{identifier}'; see: deidkit service token list")
        found.revoked = now
        session.execute(delete(tables.Session).where(tables.Session.token_id == identifier))
        note(session, now, None, "token revoked", identifier)


def all_tokens(database: Database) -> list[tables.Token]:
    """Return all tokens, newest first."""
    with database.reading() as session:
        return list(session.scalars(select(tables.Token).order_by(tables.Token.created.desc())))


def tokens_and_states(database: Database) -> list[tuple[tables.Token, TokenState]]:
    """Return all tokens, newest first, each with its state."""
    with database.reading() as session:
        now = database.now(session)
    return [(token, _state(token, now)) for token in all_tokens(database)]


def by_secret(database: Database, secret: str) -> Person:
    """Return the holder of a token.

    Raises:
        Refusal: The token is unknown, expired or revoked; the message is the same for all three.
    """
    with database.reading() as session:
        now = database.now(session)
        found = session.scalar(select(tables.Token).where(tables.Token.secret_hash == hashed(secret)))
    if found is None or _state(found, now) != "in use":
        raise Refusal(401, "the token is unknown, revoked or has expired; ask the operator for another.")
    if found.used is None or now - found.used > USED_EVERY:
        with suppress(OperationalError), database.writing() as session:  # a full disk must not block readers
            session.execute(update(tables.Token).where(tables.Token.id == found.id).values(used=now))
    return _person(found)


def open_session(database: Database, person: Person) -> str:
    """Open a browser session and return the value of its cookie."""
    cookie = secrets.token_urlsafe(32)
    with database.writing() as session:
        now = database.now(session)
        session.execute(delete(tables.Session).where(tables.Session.expires < now))
        session.add(
            tables.Session(
                cookie_hash=hashed(cookie),
                token_id=person.token_id,
                csrf=secrets.token_urlsafe(24),
                expires=now + SESSION_SECONDS,
            )
        )
        note(session, now, person, "signed in", "")
    return cookie


def by_cookie(database: Database, cookie: str) -> Person | None:
    """Return the person of a browser session; None if the session has ended or does not exist."""
    with database.reading() as session:
        now = database.now(session)
        found = session.get(tables.Session, hashed(cookie))
        token = session.get(tables.Token, found.token_id) if found else None
    if found is None or token is None or found.expires < now or _state(token, now) != "in use":
        return None
    return _person(token, found.csrf)


def close_session(database: Database, cookie: str) -> None:
    """End a browser session."""
    with database.writing() as session:
        session.execute(delete(tables.Session).where(tables.Session.cookie_hash == hashed(cookie)))


def note(session: Session, now: float, who: Person | None, what: str, subject: str) -> None:
    """Add an entry to the activity log; `who` is None for commands on the server's own command line."""
    name = f"{who.name} ({who.token_id})" if who else "command line"
    organisation = who.organisation if who else ""
    session.add(tables.Event(moment=now, who=name, organisation=organisation, what=what, subject=subject))


def hashed(secret: str) -> str:
    """SHA-256 in hex; without salt or stretching, as the secrets are 256 random bits and cannot be guessed."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _state(token: tables.Token, now: float) -> TokenState:
    if token.revoked is not None:
        return "revoked"
    return "expired" if token.expires is not None and token.expires < now else "in use"


def _person(token: tables.Token, csrf: str = "") -> Person:
    role = next(role for role in ROLES if role == token.role)
    quota, benchmarks = token.submissions_a_day, tuple(token.benchmarks)
    return Person(token.id, token.name, token.organisation, role, quota, benchmarks, csrf)
