"""Folders in which files arrive before they move to their place in the cache, on the same volume."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

INCOMING = ".incoming-"
ABANDONED_SECONDS = 24 * 3600
"""Age at which a folder of another process is taken for one that was killed."""


@contextmanager
def temporary(home: Path) -> Iterator[Path]:
    """A folder inside `home` that goes whatever happens; what a kill left of one long ago goes, too."""
    for left in home.glob(f"{INCOMING}*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > ABANDONED_SECONDS:
                shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=INCOMING, dir=home) as folder:
        yield Path(folder)


@contextmanager
def resumable(home: Path, alone: AbstractContextManager[object]) -> Iterator[Path]:
    """A folder inside `home` that stays when something goes wrong, so that the next try continues from there.

    It is the same for every process, so that a lock is held all the while.
    """
    folder = home / ".partial"
    with alone:
        folder.mkdir(exist_ok=True)
        yield folder
        shutil.rmtree(folder)
