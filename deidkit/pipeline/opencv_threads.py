"""How many threads OpenCV uses while pictures are worked on in several."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import cv2


@contextmanager
def no_threads_of_opencv() -> Iterator[None]:
    """Keep OpenCV to the thread that calls it.

    Each picture has a thread already. Those of OpenCV wait for one another in busy loops, which take longer than the
    small steps that they share out.
    """
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
