"""Search and removal of templates left by audits, mostly interrupted and never resumed."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from sqlalchemy import Engine

from deidkit.pipeline import lock
from deidkit.pipeline.workspace import has_results, remove_results, workspace_of
from deidkit.store import audits_of, find_audit, is_done, remove_rows

_TEMPORARY = "deidkit-audit-"
"""Beginning of the names of temporary folders."""

_OLD_SECONDS = 60.0
"""Age at which a temporary folder in use certainly holds a lock."""

_FOLDER = re.compile(r"work-(\d{8}-\d{6}-[0-9a-f]{4})")


def left_by_others(store: Engine, digest: str, folder: Path, audit_id: str) -> list[str]:
    """One sentence about each audit of the same plan, or in the same folder, with remaining templates."""
    found = {path: name[1] for path in sorted(folder.glob("work-*")) if (name := _FOLDER.fullmatch(path.name))}
    for other in audits_of(store, digest):
        if not lock.is_locked(other.folder):
            found[workspace_of(other.folder, other.audit_id)] = other.audit_id
    return [
        _sentence(path, other, done=is_done(store, other))
        for path, other in found.items()
        if other != audit_id and has_results(path)
    ]


def _sentence(path: Path, audit_id: str, *, done: bool) -> str:
    if done:  # kept on the user's request
        return f"templates (biometric data) of audit {audit_id}, which is done, lie in {path}: remove that folder"
    return (
        f"templates (biometric data) of the interrupted audit {audit_id} lie in {path}: --resume with its options goes "
        f"on with it, and deidkit db remove {audit_id} (and its --db) removes them"
    )


def was_killed(output: str) -> bool:
    """Whether the process of an audit that wrote into this folder was killed; False for a folder elsewhere."""
    return lock.is_stale(Path(output))


def remove_audit(store: Engine, text: str) -> str:
    """Remove an audit from its store and its templates from its folder, unless a process holds the folder's lock.

    Returns:
        One sentence on what was and was not removed.

    Raises:
        StoreError: No audit, or several, have that id.
        UsageError: Another process holds the lock of its folder, or the templates cannot be removed.
    """
    audit = find_audit(store, text)
    folder = Path(audit.output)
    here = folder.is_dir()
    with lock.exclusive(folder) if here else nullcontext():
        remove_results(workspace_of(folder, audit.id))
        remove_rows(store, audit.id)
    rest = f"reports in {folder} stay" if here else f"its folder {folder} is not on this machine and was not touched"
    return f"removed audit {audit.id} from the store, with the templates that it left; {rest}"


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Temporary folder of an audit; also removes what killed processes of this user left."""
    for left in Path(gettempdir()).glob(f"{_TEMPORARY}*"):
        with suppress(OSError):
            mine = sys.platform == "win32" or left.stat().st_uid == os.getuid()
            if mine and time.time() - left.stat().st_mtime > _OLD_SECONDS and lock.is_stale(left):
                shutil.rmtree(left)
    with TemporaryDirectory(prefix=_TEMPORARY) as folder, lock.exclusive(Path(folder)):
        yield Path(folder)
