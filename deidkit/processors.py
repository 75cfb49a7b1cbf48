"""How many processors there are for this process, and who may use them."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

_QUOTA, _QUOTA_V1, _PERIOD_V1 = "cpu.max", "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"
"""Files of a Linux control group: microseconds of processor time in a period, and the period."""


def available(control_group: Path = Path("/sys/fs/cgroup")) -> int:
    """The number of processors that this process may use, at least 1.

    A container has the processors of its host in sight, and only a share of their time.

    Args:
        control_group: Folder of the control group of this process, version 1 or 2.
    """
    seen = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(seen, _share(control_group)))


def one_blas_thread() -> AbstractContextManager[object]:
    """Let the linear algebra of NumPy and SciPy use one thread, until the end of the context if it is entered.

    For work that is already in several threads: pools of threads below them wait for one another most of the time. It
    also makes sums the same on every machine, whatever its number of processors.
    """
    limited: AbstractContextManager[object] = _pools(len(sys.modules)).limit(limits=1, user_api="blas")
    return limited


@contextmanager
def one_opencv_thread() -> Iterator[None]:
    """Let OpenCV use the thread that calls it alone, until the context ends; for the same reason."""
    import cv2  # not for every command that asks for the number of processors

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


@lru_cache(maxsize=1)
def _pools(modules: int) -> ThreadpoolController:
    """The thread pools of libraries; searched again only if modules were imported since: it takes milliseconds."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _share(folder: Path) -> int:
    """Processors that the control group may keep busy, rounded up; no limit is ``sys.maxsize``."""
    with suppress(OSError, ValueError, ZeroDivisionError):
        quota, period = (folder / _QUOTA).read_text("ascii").split()
        return sys.maxsize if quota == "max" else math.ceil(int(quota) / int(period))
    with suppress(OSError, ValueError, ZeroDivisionError):
        quota = (folder / _QUOTA_V1).read_text("ascii")
        if int(quota) > 0:  # -1 is no limit
            return math.ceil(int(quota) / int((folder / _PERIOD_V1).read_text("ascii")))
    return sys.maxsize
