"""Configures glibc's allocator to reuse freed memory instead of returning it to the system."""

from __future__ import annotations

import ctypes
import os
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MOST_ARENAS = -1, -3, -8
"""Parameter numbers of ``mallopt`` in ``malloc.h``."""

_KEPT, _LARGEST = 256 << 20, 32 << 20
"""Maximum bytes of freed memory that are kept, and of a single block of it."""


def keep_freed_memory() -> None:
    """Keep memory that one picture needed for the next one.

    The GNU C library gives the planes of a picture back to the system and fetches them again, page by page, some two
    thousand for each picture. Does nothing with other libraries, nor where ``MALLOC_TRIM_THRESHOLD_`` is set.
    """
    if sys.platform != "linux" or "MALLOC_TRIM_THRESHOLD_" in os.environ:
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MOST_ARENAS, 1)  # arenas of threads are remapped every 64 MB regardless of the thresholds
        mallopt(_TRIM_THRESHOLD, _KEPT)
        mallopt(_MMAP_THRESHOLD, _LARGEST)
