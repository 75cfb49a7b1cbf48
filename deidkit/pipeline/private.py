"""Restricts files that show originals to their owner."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deidkit.result import AuditResult

_OTHERS = 0o077


@contextmanager
def private_files(enabled: bool) -> Iterator[None]:
    """Create all files and folders of this process with owner-only permissions (0600, 0700), if enabled."""
    before = os.umask(_OTHERS) if enabled else None
    try:
        yield
    finally:
        if before is not None:
            os.umask(before)


def close_folder(folder: Path) -> None:
    """Make a folder readable by its owner only (0700)."""
    folder.chmod(folder.stat().st_mode & ~_OTHERS)


def shows_originals(result: AuditResult) -> bool:
    """Whether reports of a result may contain originals."""
    return any(item.original is not None for engine in result.engines for item in engine.gallery)
