"""Warnings about plugins: a sentence that is stored, and a detail that is only shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Lock

from deidkit.hand import AnalyzedImage
from deidkit.printing import printable
from deidkit.result import Component


class PluginWarnings:
    """Collects warnings from any thread, each once, so that they reach the verdict and a resumed audit, too.

    Attributes:
        sentences: The warnings without any detail, in the order in which they came: the evidence has a hole.
        notes: What plugins changed and what was restored, so that no number changed.

    Args:
        show: Called with each new warning and its detail. The detail is for the person at the terminal only: the text
            of an exception can hold a path, a person's name or a secret.
    """

    def __init__(self, show: Callable[[str, str], None] = lambda sentence, detail: None) -> None:
        self._show = show
        self._lock = Lock()
        self._explained: set[str] = set()
        self.sentences: list[str] = []
        self.notes: list[str] = []

    @classmethod
    def shown_by(cls, say: Callable[[str], None]) -> PluginWarnings:
        """Warnings that are said in one line, with the first detail there is."""
        return cls(lambda sentence, detail: say(f"{sentence}: {detail}" if detail else sentence))

    def add(self, sentence: str, detail: str = "") -> None:
        """Add a warning.

        Args:
            sentence: May be kept and shown to anyone: it names a plugin and the kind of an exception.
            detail: For the person at the terminal only.
        """
        with self._lock:
            if sentence not in self.sentences:
                self.sentences.append(sentence)
            elif not detail or sentence in self._explained:
                return
            if detail:
                self._explained.add(sentence)
        self._show(sentence, detail)

    def add_note(self, sentence: str) -> None:
        """Add what a plugin changed and what was restored: it is recorded, and changed no number."""
        with self._lock:
            if sentence in self.notes:
                return
            self.notes.append(sentence)
        self._show(sentence, "")

    def silence(self) -> None:
        """Show nothing more: who is no longer waited for has nothing to say to the person at the terminal."""
        self._show = lambda sentence, detail: None

    def include(self, warnings: Iterable[str], notes: Iterable[str]) -> None:
        """Add what was kept with a result."""
        for sentence in warnings:
            self.add(sentence)
        for sentence in notes:
            self.add_note(sentence)

    def raised(self, kind: str, name: str, error: BaseException) -> None:
        """Add that a plugin raised: the type of the exception is recorded, its text is not."""
        self.add(f"{kind} '{name}' raised {type(error).__name__}", detail_of(error))

    def raised_at(self, images: Iterable[AnalyzedImage], analysis: Iterable[Component]) -> None:
        """Add which parts of the hand analysis raised at a picture."""
        names = {component.kind: component.name for component in analysis}
        for image in images:
            for kind, error in image.raised.items():
                self.raised(kind.replace("_", " "), names[kind], error)

    def nested(self) -> PluginWarnings:
        """An empty collection whose warnings and notes are also added here: those of one result, kept with it."""
        return _Nested(self)


class _Nested(PluginWarnings):
    """Adds all to another collection, too."""

    def __init__(self, whole: PluginWarnings) -> None:
        super().__init__(whole.add)
        self._whole = whole

    def add_note(self, sentence: str) -> None:
        self._whole.add_note(sentence)
        if sentence not in self.notes:
            self.notes.append(sentence)


def detail_of(error: BaseException) -> str:
    """The text of a plugin's exception in one line, for the person at the terminal only."""
    try:
        return " ".join(printable(str(error)).split())
    except Exception:  # of a plugin, whose errors can be as wrong as anything
        return ""
