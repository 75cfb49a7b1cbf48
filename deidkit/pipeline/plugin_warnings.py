"""Warnings about plugins: a sentence that is stored, and a detail that is displayed only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Lock

from deidkit.hand import AnalyzedImage
from deidkit.printing import printable
from deidkit.result import Component


class PluginWarnings:
    """Thread-safe collection of distinct warnings, which reach the verdict and a resumed audit.

    Attributes:
        sentences: The warnings without details, in order of arrival: gaps in the evidence.
        notes: Side effects of plugins that were reverted, so that no result changed.

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
        """A collection that displays each warning in one line, with its first detail."""
        return cls(lambda sentence, detail: say(f"{sentence}: {detail}" if detail else sentence))

    def add(self, sentence: str, detail: str = "") -> None:
        """Add a warning.

        Args:
            sentence: May be stored and shown to anyone: it names a plugin and the type of an exception.
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
        """Record a side effect of a plugin that was reverted and changed no result."""
        with self._lock:
            if sentence in self.notes:
                return
            self.notes.append(sentence)
        self._show(sentence, "")

    def silence(self) -> None:
        """Stop displaying warnings, for threads that are no longer waited for."""
        self._show = lambda sentence, detail: None

    def include(self, warnings: Iterable[str], notes: Iterable[str]) -> None:
        """Add the warnings and notes stored with a result."""
        for sentence in warnings:
            self.add(sentence)
        for sentence in notes:
            self.add_note(sentence)

    def raised(self, kind: str, name: str, error: BaseException) -> None:
        """Record that a plugin raised: the type of the exception is stored, its text is not."""
        self.add(f"{kind} '{name}' raised {type(error).__name__}", detail_of(error))

    def raised_at(self, images: Iterable[AnalyzedImage], analysis: Iterable[Component]) -> None:
        """Record which parts of the hand analysis raised for a picture."""
        names = {component.kind: component.name for component in analysis}
        for image in images:
            for kind, error in image.raised.items():
                self.raised(kind.replace("_", " "), names[kind], error)

    def nested(self) -> PluginWarnings:
        """An empty collection that forwards to this one, to be stored with one result."""
        return _Nested(self)


class _Nested(PluginWarnings):
    """Forwards to another collection."""

    def __init__(self, whole: PluginWarnings) -> None:
        super().__init__(whole.add)
        self._whole = whole

    def add_note(self, sentence: str) -> None:
        self._whole.add_note(sentence)
        if sentence not in self.notes:
            self.notes.append(sentence)


def detail_of(error: BaseException) -> str:
    """Text of a plugin's exception in one line, to be displayed only."""
    try:
        return " ".join(printable(str(error)).split())
    except Exception:  # converting a plugin's exception to text may itself raise anything
        return ""
