"""Removes expired pictures, unfinished uploads and deleted submissions."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from sqlalchemy import delete, select

from deidkit_service import tables
from deidkit_service.accounts import note
from deidkit_service.challenge import RECORD
from deidkit_service.home import Home, remove_folder
from deidkit_service.queue import ENDED
from deidkit_service.removal import remove

log = logging.getLogger("deidkit.retention")

UPLOAD_SECONDS = 2 * 86_400
"""How long an unfinished upload can be continued."""

ORPHAN_SECONDS = 3600
"""Age, in seconds, at which files without a row, left by a killed server, are removed."""


def remove_expired(home: Home) -> None:
    """Remove expired pictures, expired uploads, and submissions that were deleted while they ran.

    What cannot be removed is logged and tried again the next time; the rest is removed nevertheless.
    """
    try:
        _remove_expired(home)
    finally:
        home.database.wipe()


def _remove_expired(home: Home) -> None:
    s = tables.Submission
    with home.database.reading() as session:
        now = home.database.now(session)
        before = now - home.settings.retention_days * 86_400
        unwanted = list(session.scalars(select(s.id).where(s.state.in_(ENDED), s.wanted_end == "delete")))
        old = list(session.scalars(select(s.id).where(s.state.in_(ENDED), s.kept, s.finished < before)))
        uploads = list(session.scalars(select(tables.Upload.id).where(tables.Upload.created < now - UPLOAD_SECONDS)))
        known = {home.upload(identifier) for identifier in session.scalars(select(tables.Upload.id))}
        submitted = {home.submission(identifier) for identifier in session.scalars(select(s.id))}
        benchmarks = {home.benchmark(name) for name in session.scalars(select(tables.Benchmark.name))}
    for identifier in unwanted:
        remove(home, identifier)
    for identifier in set(old) - set(unwanted):
        if not home.forget_now_or_later(identifier):
            continue
        with home.database.writing() as session:
            row = session.get(s, identifier)
            if row is not None:
                row.kept = False
                note(session, now, None, "pictures removed after their time", identifier)
    for identifier in uploads:
        if not _removed(home.upload(identifier)):
            continue
        with home.database.writing() as session:
            session.execute(delete(tables.Upload).where(tables.Upload.id == identifier))
    if not {record.parent for record in (home.folder / "benchmarks").glob(f"*/{RECORD}")} <= benchmarks:
        return  # the database belongs to another home: rows for these files are not in it
    for path in set((home.folder / "uploads").glob("*.part")) - known:  # may include lost+found of a mounted volume
        if path.is_file() and _is_old(path):
            _removed(path)
    for upload in (home.folder / "submissions").glob("*/upload.zip"):
        folder = upload.parent  # its modification time is that of the upload's move into it
        if folder not in submitted and _is_old(folder) and [*folder.iterdir()] == [upload] and _removed(upload):
            remove_folder(folder)


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > ORPHAN_SECONDS
    except OSError:  # it was submitted or removed meanwhile
        return False


def _removed(path: Path) -> bool:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        log.warning("%s is not removed yet: %s", path, error.strerror)
        return False
    return True
