"""Progress of long work, reported to a terminal, a log or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Stage(Protocol):
    """A running stage."""

    def advance(self, items: int = 1) -> None:
        """Report that more items are done. May be called from any thread."""
        ...


class Progress(Protocol):
    """Receiver of progress reports: bars on a terminal, lines in a log, or nothing."""

    def stage(self, name: str, total: int | None) -> AbstractContextManager[Stage]:
        """Open a stage of `total` items; a context manager that gives a `Stage`."""
        ...

    def note(self, sentence: str) -> None:
        """Show one sentence that stays on the screen."""
        ...


class _Nothing:
    def advance(self, items: int = 1) -> None:
        pass


class Silent:
    """Ignores all progress."""

    @contextmanager
    def stage(self, name: str, total: int | None) -> Iterator[Stage]:
        """Open a stage without showing it."""
        yield _Nothing()

    def note(self, sentence: str) -> None:
        """Ignore a sentence."""


class Recorder:
    """Keeps all notes, and passes them and the stages on.

    Attributes:
        notes: The sentences, in order of arrival.

    Args:
        receiver: Shows them.
    """

    def __init__(self, receiver: Progress) -> None:
        self._receiver = receiver
        self.notes: list[str] = []

    def stage(self, name: str, total: int | None) -> AbstractContextManager[Stage]:
        """Open a stage of the receiver."""
        return self._receiver.stage(name, total)

    def note(self, sentence: str) -> None:
        """Keep a sentence and pass it on."""
        self.notes.append(sentence)
        self._receiver.note(sentence)
