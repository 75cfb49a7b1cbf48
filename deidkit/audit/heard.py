"""What is said about plugins that raise or break their contract: a sentence to keep, and a detail to show only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Lock
from typing import Protocol

from deidkit.hand import AnalyzedImage
from deidkit.result import Component


class Note(Protocol):
    """Who is told about a plugin, from any thread."""

    def __call__(self, sentence: str, detail: str = "") -> None:
        """Hear one sentence.

        Args:
            sentence: May be kept and shown to anyone: it names a plugin and the kind of an exception.
            detail: For the person at the terminal only: the text of an exception can hold a path, a person's name or
                a secret.
        """
        ...


class Heard:
    """Passes each sentence on once and remembers it, so that it stands in the verdict and a resumed audit hears it too.

    Attributes:
        sentences: What was said, without any detail.
    """

    def __init__(self, note: Note) -> None:
        self._note = note
        self._lock = Lock()
        self._explained: set[str] = set()
        self.sentences: list[str] = []

    @classmethod
    def aloud(cls, say: Callable[[str], None]) -> Heard:
        """One that says each sentence with the first detail there is."""
        return cls(lambda sentence, detail="": say(f"{sentence}: {detail}" if detail else sentence))

    def __call__(self, sentence: str, detail: str = "") -> None:
        """Pass one on, unless it was said before."""
        with self._lock:
            if sentence not in self.sentences:
                self.sentences.append(sentence)
            elif not detail or sentence in self._explained:
                return
            if detail:
                self._explained.add(sentence)
        self._note(sentence, detail)


def raised(kind: str, name: str, error: BaseException, note: Note) -> None:
    """Tell that a plugin raised: which exception goes on record, its text does not.

    Args:
        kind: ``engine``, ``recognizer``, ``hand analyzer``, ``segmenter``, ``ROI rule``, ``data set``.
        name: The plugin's.
        error: What it raised.
        note: Who is told.
    """
    note(f"{kind} '{name}' raised {type(error).__name__}", " ".join(str(error).split()))


def raised_at(images: Iterable[AnalyzedImage], analysis: Iterable[Component], note: Note) -> None:
    """Tell which parts of the hand analysis raised at a picture.

    Args:
        images: Pictures that were analysed.
        analysis: The parts.
        note: Who is told.
    """
    names = {component.kind: component.name for component in analysis}
    for image in images:
        for kind, error in image.raised.items():
            raised(kind.replace("_", " "), names[kind], error, note)
