"""Progress of an audit on its way from the threads that make it to the submission's row."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from deidkit.progress import Stage
from deidkit_service.percentage import Whole


class _Open:
    """A stage under way, which any thread may count."""

    def __init__(self, reporter: ProgressReporter, name: str, total: int | None) -> None:
        self._reporter, self.name, self._total, self._done = reporter, name, total or 0, 0

    def advance(self, items: int = 1) -> None:
        """Count."""
        with self._reporter.changing():
            self._done += items

    @property
    def share(self) -> float:
        """How much of it is done, 0 to 1."""
        return min(1.0, self._done / self._total) if self._total else 0.0


class ProgressReporter:
    """Progress that goes to the submission's row, at most twice a second; from the heartbeat's thread."""

    def __init__(self, hide: Callable[[str], str], whole: Whole) -> None:
        self._hide, self._whole = hide, whole
        self._lock = threading.Lock()
        self._open: list[_Open] = []
        self._ended: list[str] = []
        self._percent = 0
        self._lines: list[str] = []
        self._changed = True

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Change what is told, one thread at a time."""
        with self._lock:
            yield
            self._changed = True

    @contextmanager
    def stage(self, name: str, total: int | None) -> Iterator[Stage]:
        """Open a stage, perhaps within another."""
        stage = _Open(self, name, total)
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

    def news(self) -> tuple[str, int, str] | None:
        """Stage, percentage of the whole and new lines since the last call; None where nothing happened."""
        with self._lock:
            if not self._changed:
                return None
            self._changed = False
            lines, self._lines = "".join(f"{line}\n" for line in self._lines), []
            share = {stage.name: stage.share for stage in self._open}
            self._percent = max(self._percent, self._whole.percent(self._ended, share))
            now = self._open[-1].name if self._open else self._ended[-1] if self._ended else "starting"
            return self._hide(now), self._percent, self._hide(lines)
