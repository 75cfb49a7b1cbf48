"""Progress as plain lines on standard error, every few seconds."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from deidkit.printing import printable
from deidkit.progress import Stage

LINE_INTERVAL_SECONDS = 5.0
"""Interval, in seconds, between lines about a running stage."""

SHORTEST_STAGE_SECONDS = 1.0
"""Minimum duration, in seconds, of a stage to be reported at its end."""


def _print(line: str) -> None:
    print(printable(line), file=sys.stderr, flush=True)


class Count:
    """Thread-safe counter that prints a line at intervals; if silent, only the last one."""

    def __init__(self, name: str, total: int | None, say: Callable[[str], None], *, silent: bool = False) -> None:
        self._name, self._total, self._say, self._silent, self._done = name, total, say, silent, 0
        self._printed: int | None = None
        self._started = self._printed_at = time.monotonic()
        self._lock = threading.Lock()

    def advance(self, items: int = 1) -> None:
        """Count more items."""
        with self._lock:
            self._done += items
            now = time.monotonic()
            if not self._silent and now - self._printed_at >= LINE_INTERVAL_SECONDS:
                self._printed_at = now
                self._echo()

    def close(self) -> None:
        """Print the last line, if the stage took long enough to be worth one."""
        if time.monotonic() - self._started >= SHORTEST_STAGE_SECONDS and self._printed != self._done:
            self._echo()

    def _echo(self) -> None:
        self._printed = self._done
        of = f"/{self._total}" if self._total is not None else ""
        self._say(f"{self._name}: {self._done}{of} in {time.monotonic() - self._started:.1f} s")


class Lines:
    """Lines about stages and sentences.

    Args:
        say: Prints a line; on standard error unless given.
    """

    def __init__(self, say: Callable[[str], None] = _print) -> None:
        self._say = say

    @contextmanager
    def stage(self, name: str, total: int | None) -> Iterator[Stage]:
        """Report a stage every few seconds, and its end unless it took no time."""
        count = Count(name, total, self._say)
        yield count
        count.close()

    def note(self, sentence: str) -> None:
        """Show one sentence."""
        self._say(sentence)
