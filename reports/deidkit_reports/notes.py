"""Notes under a table: long or repeated sentences are written once and referred to by number."""

from __future__ import annotations

from markupsafe import Markup, escape

from deidkit.printing import undirected


class Notes:
    """The notes of one table."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._texts: list[str] = []

    def mark(self, text: str) -> Markup:
        """A reference to a note, which is added unless it is there."""
        if text not in self._texts:
            self._texts.append(text)
        number = self._texts.index(text) + 1
        return Markup(f"<sup><a href='#{escape(self._prefix)}-{number}' aria-label='note {number}'>{number}</a></sup>")

    def listed(self) -> Markup:
        """The notes, or nothing where there are none."""
        items = "".join(
            f"<li id='{escape(self._prefix)}-{number}'>{escape(undirected(text))}</li>"
            for number, text in enumerate(self._texts, 1)
        )
        return Markup(f"<ol class='notes'>{items}</ol>") if items else Markup("")
