"""One process at a time in one output folder.

Not by filelock, which does not show whether a lock was left by a process that was killed.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from deidkit.errors import UsageError, os_errors_as

if sys.platform == "win32":
    import msvcrt

    def _take(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _take(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


NAME = ".deidkit.lock"

_HELD_BY_ANOTHER = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
"""Errors that mean that another process has the lock; after any other the file system knows none."""


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Keep other processes from a folder until the block or the process ends, however it ends.

    Where the file system knows no locks, the user has to take care.

    Raises:
        UsageError: Another process holds its lock, or the folder cannot be written to.
    """
    path = folder / NAME
    file = _locked(path)
    try:
        yield
    finally:
        with suppress(OSError):  # Windows removes no file that is open
            path.unlink()
        file.close()


def is_locked(folder: Path) -> bool:
    """Whether a process holds the lock of a folder at this moment."""
    try:
        with (folder / NAME).open("r+") as file:
            _take(file.fileno())
    except OSError as error:
        return error.errno in _HELD_BY_ANOTHER
    return False


def is_stale(folder: Path) -> bool:
    """Whether a process that held the lock of a folder was killed: the file is there without a lock."""
    return (folder / NAME).exists() and not is_locked(folder)


def _locked(path: Path) -> TextIO:
    while True:
        with os_errors_as(UsageError, f"the output folder {path.parent} cannot be written to"):
            file = path.open("w")
        try:
            _take(file.fileno())
        except OSError as error:
            if error.errno in _HELD_BY_ANOTHER:
                file.close()
                raise UsageError(
                    f"another process is running an audit in {path.parent}; wait until it is done."
                ) from None
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        file.close()  # who had the lock has just removed its file, and a third may lock the next one
