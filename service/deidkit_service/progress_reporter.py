"""Collects the progress of an audit from its threads, to be stored in the submission's row."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from deidkit.progress import Stage
from deidkit_service.percentage import AuditParts


class _OpenStage:
    """A running stage, which any thread may advance."""

    def __init__(self, reporter: ProgressReporter, name: str, total: int | None) -> None:
        self._reporter, self.name, self._total, self._done = reporter, name, total or 0, 0

    def advance(self, items: int = 1) -> None:
        """Count finished items."""
        with self._reporter.changing():
            self._done += items

    @property
    def share(self) -> float:
        """Finished share of the stage, 0 to 1; 0 if its total is unknown."""
        return min(1.0, self._done / self._total) if self._total else 0.0


class ProgressReporter:
    """Progress of an audit, read by the thread that renews its lease at most twice a second."""

    def __init__(self, hide: Callable[[str], str], parts: AuditParts) -> None:
        self._hide, self._parts = hide, parts
        self._lock = threading.Lock()
        self._open: list[_OpenStage] = []
        self._ended: list[str] = []
        self._percent = 0
        self._lines: list[str] = []
        self._changed = True

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Hold the lock and mark the progress as changed."""
        with self._lock:
            yield
            self._changed = True

    @contextmanager
    def stage(self, name: str, total: int | None) -> Iterator[Stage]:
        """Open a stage; stages may be nested."""
        stage = _OpenStage(self, name, total)
        with self.changing():
            self._open.append(stage)
            self._lines.append(f"{name}: {total} items" if total and total > 1 else name)
        yield stage
        with self.changing():
            self._open.remove(stage)
            self._ended.append(name)

    def note(self, sentence: str) -> None:
        """Add a sentence to the log."""
        with self.changing():
            self._lines.append(sentence)

    def update(self) -> tuple[str, int, str] | None:
        """Return stage, percentage of the audit and new log lines since the last call; None if nothing changed."""
        with self._lock:
            if not self._changed:
                return None
            self._changed = False
            lines, self._lines = "".join(f"{line}\n" for line in self._lines), []
            share = {stage.name: stage.share for stage in self._open}
            self._percent = max(self._percent, self._parts.percent(self._ended, share))
            now = self._open[-1].name if self._open else self._ended[-1] if self._ended else "starting"
            return self._hide(now), self._percent, self._hide(lines)
