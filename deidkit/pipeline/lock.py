"""Lock of an output folder against other processes.

filelock is not used because it does not show whether a killed process left a lock.
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
"""Error codes for a lock held by another process; any other means that the file system has no locks."""


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Lock a folder until the block or the process ends, however it ends.

    On a file system without locks, the user is responsible.

    Raises:
        UsageError: Another process holds its lock, or the folder cannot be written to.
    """
    path = folder / NAME
    file = _locked(path)
    try:
        yield
    finally:
        with suppress(OSError):  # Windows cannot remove open files
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
        file.close()  # the previous holder has just removed the file, and a third process may lock a new one
