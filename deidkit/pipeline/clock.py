"""Times of an audit by stage."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from deidkit.result import Timing


class Clock:
    """Collects the time of each stage."""

    def __init__(self) -> None:
        self.timings: list[Timing] = []

    @contextmanager
    def time(self, stage: str, items: int) -> Iterator[None]:
        """Time one stage of so many items."""
        started = time.perf_counter()
        yield
        self.timings.append(Timing(stage=stage, items=items, seconds=round(time.perf_counter() - started, 4)))
