"""Folders in which files arrive before they move to their place in the cache, on the same volume."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path


@contextmanager
def temporary(home: Path) -> Iterator[Path]:
    """A folder inside `home` that goes whatever happens."""
    with tempfile.TemporaryDirectory(prefix=".incoming-", dir=home) as folder:
        yield Path(folder)


@contextmanager
def resumable(home: Path, alone: AbstractContextManager[object]) -> Iterator[Path]:
    """A folder inside `home` that stays when something goes wrong, so that the next try goes on from there.

    Args:
        home: The model's folder.
        alone: A lock held all the while: the folder is the same for every process.
    """
    folder = home / ".partial"
    with alone:
        folder.mkdir(exist_ok=True)
        yield folder
        shutil.rmtree(folder)
