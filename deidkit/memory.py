"""Keeps freed memory for the next picture."""

from __future__ import annotations

import ctypes
import os
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MOST_ARENAS = -1, -3, -8
"""Numbers of the settings in ``malloc.h``."""

_KEPT, _LARGEST = 256 << 20, 32 << 20
"""Bytes of freed memory that are kept at most, and of the largest piece of it."""


def keep_freed_memory() -> None:
    """Keep what one picture needed for the next one.

    The GNU C library gives the planes of a picture back to the system and fetches them again, page by page, some two
    thousand for each picture. Does nothing with other libraries, nor where ``MALLOC_TRIM_THRESHOLD_`` is set.
    """
    if sys.platform != "linux" or "MALLOC_TRIM_THRESHOLD_" in os.environ:
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MOST_ARENAS, 1)  # those of threads are mapped anew every 64 MB, whatever is to be kept
        mallopt(_TRIM_THRESHOLD, _KEPT)
        mallopt(_MMAP_THRESHOLD, _LARGEST)
