"""Removes expired pictures, unfinished uploads and deleted submissions."""

from __future__ import annotations

import time
from contextlib import suppress

from sqlalchemy import delete, select

from deidkit_service import tables
from deidkit_service.accounts import note
from deidkit_service.home import Home
from deidkit_service.queue import ENDED
from deidkit_service.removal import remove

UPLOAD_SECONDS = 2 * 86_400
"""How long an unfinished upload can be continued."""

ORPHAN_SECONDS = 3600
"""How long after its last byte a file that no upload belongs to is removed: its server was killed meanwhile."""


def remove_expired(home: Home) -> None:
    """Remove expired pictures, expired uploads, and submissions that were deleted while they ran."""
    s = tables.Submission
    with home.database.reading() as session:
        now = home.database.now(session)
        before = now - home.settings.retention_days * 86_400
        unwanted = list(session.scalars(select(s.id).where(s.state.in_(ENDED), s.wanted_end == "delete")))
        old = list(session.scalars(select(s.id).where(s.state.in_(ENDED), s.kept, s.finished < before)))
        uploads = list(session.scalars(select(tables.Upload.id).where(tables.Upload.created < now - UPLOAD_SECONDS)))
        known = {home.upload(identifier) for identifier in session.scalars(select(tables.Upload.id))}
    for identifier in unwanted:
        remove(home, identifier)
    for identifier in set(old) - set(unwanted):
        home.forget(identifier)
        with home.database.writing() as session:
            row = session.get(s, identifier)
            if row is not None:
                row.kept = False
                note(session, now, None, "pictures removed after their time", identifier)
    for identifier in uploads:
        home.upload(identifier).unlink(missing_ok=True)
        with home.database.writing() as session:
            session.execute(delete(tables.Upload).where(tables.Upload.id == identifier))
    for path in set((home.folder / "uploads").iterdir()) - known:
        with suppress(FileNotFoundError):  # it was received meanwhile
            if time.time() - path.stat().st_mtime > ORPHAN_SECONDS:
                path.unlink()
    home.database.wipe()
