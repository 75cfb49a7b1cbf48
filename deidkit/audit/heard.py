"""What is said about plugins while a batch is worked on, kept with its result."""

from __future__ import annotations

from collections.abc import Callable


class Heard:
    """Passes sentences on and remembers them, so that an audit that finds the result finished hears them too."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note
        self.sentences: list[str] = []

    def __call__(self, sentence: str) -> None:
        """Pass one on."""
        self.sentences.append(sentence)
        self._note(sentence)
