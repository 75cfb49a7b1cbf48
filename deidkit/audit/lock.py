"""One process at a time at one audit."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deidkit.errors import UsageError

if sys.platform == "win32":
    import msvcrt

    def _take(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _take(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def alone(folder: Path, audit_id: str) -> Iterator[None]:
    """Keep other processes from an audit until the block or the process ends, however it ends.

    Raises:
        UsageError: Another process is at work on it.
    """
    path = folder / f".{audit_id}.lock"
    with path.open("w") as file:
        try:
            _take(file.fileno())
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
                raise UsageError(
                    f"another process is at work on audit {audit_id} in {folder}; wait until it is done."
                ) from None
            # else the file system knows no locks: then the user has to take care
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
