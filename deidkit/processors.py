"""How many processors there are for this process, who may use them, and whether processes have groups."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

_QUOTA, _QUOTA_V1, _PERIOD_V1 = "cpu.max", "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"
"""Files of a Linux control group: microseconds of processor time in a period, and the period."""


def available(control_group: Path = Path("/sys/fs/cgroup")) -> int:
    """Number of processors that this process may use, at least 1.

    A container has the processors of its host in sight, and only a share of their time.

    Args:
        control_group: Folder of the control group of this process, version 1 or 2.
    """
    seen = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(seen, _share(control_group)))


def has_process_groups() -> bool:
    """Whether a process can be ended with all that it started, and interrupt itself; on Windows it cannot."""
    return hasattr(os, "killpg")


class _LibraryThreads:
    """The limit on the threads of libraries, and how many need it."""

    def __init__(self) -> None:
        self._lock, self._users, self._limits = Lock(), 0, ExitStack()

    def limit(self) -> None:
        """Limit all libraries that are loaded by now."""
        with self._lock:
            self._users += 1
            _limit(self._limits)

    def release(self) -> None:
        """Give them their threads back, if nobody else needs the limit."""
        with self._lock:
            self._users -= 1
            if not self._users:
                self._limits.close()


_library_threads = _LibraryThreads()


def limit_library_threads() -> None:
    """As `limited_library_threads`, for as long as the process lives."""
    _limit(ExitStack())


def _limit(undoing: ExitStack) -> None:
    undoing.enter_context(_pools(len(sys.modules)).limit(limits=1, user_api="blas"))
    cv2 = sys.modules.get("cv2")
    if cv2 is not None:
        undoing.callback(cv2.setNumThreads, cv2.getNumThreads())
        cv2.setNumThreads(1)


@contextmanager
def limited_library_threads() -> Iterator[None]:
    """Let OpenCV and the linear algebra of NumPy and SciPy use one thread, until the context ends.

    For work that is already in several threads: pools of threads below them wait for one another most of the time. It
    also makes sums the same whatever the number of processors. May be entered again and by several threads; libraries
    that were loaded since are limited, too.
    """
    _library_threads.limit()
    try:
        yield
    finally:
        _library_threads.release()


@lru_cache(maxsize=1)
def _pools(modules: int) -> ThreadpoolController:
    """The thread pools of libraries; searched again only if modules were imported since: it takes milliseconds."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _share(folder: Path) -> int:
    """Processor limit of the control group, rounded up; ``sys.maxsize`` without a limit."""
    with suppress(OSError, ValueError, ZeroDivisionError):
        quota, period = (folder / _QUOTA).read_text("ascii").split()
        return sys.maxsize if quota == "max" else math.ceil(int(quota) / int(period))
    with suppress(OSError, ValueError, ZeroDivisionError):
        quota = (folder / _QUOTA_V1).read_text("ascii")
        if int(quota) > 0:  # -1 is no limit
            return math.ceil(int(quota) / int((folder / _PERIOD_V1).read_text("ascii")))
    return sys.maxsize
