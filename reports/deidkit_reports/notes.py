"""Numbered notes under a table, for long or repeated sentences."""

from __future__ import annotations

from markupsafe import Markup, escape

from deidkit.printing import undirected


class Notes:
    """The notes of one table."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._texts: list[str] = []

    def mark(self, text: str) -> Markup:
        """Return a reference to a note, adding the note if it is new."""
        if text not in self._texts:
            self._texts.append(text)
        number = self._texts.index(text) + 1
        return Markup(f"<sup><a href='#{escape(self._prefix)}-{number}' aria-label='note {number}'>{number}</a></sup>")

    def listed(self) -> Markup:
        """Render the notes; empty if there are none."""
        items = "".join(
            f"<li id='{escape(self._prefix)}-{number}'>{escape(undirected(text))}</li>"
            for number, text in enumerate(self._texts, 1)
        )
        return Markup(f"<ol class='notes'>{items}</ol>") if items else Markup("")
