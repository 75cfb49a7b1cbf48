"""Makes untrusted text safe to print by escaping control characters."""

from __future__ import annotations

import unicodedata

_KEPT = "\n\t"
LONGEST_VALUE = 60
"""Maximum characters of a value in a message."""

_DIRECTIONS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})


def printable(text: str) -> str:
    r"""A text with every control character written out: ``\x1b[2J`` in a file's name clears no screen.

    Control and format characters (Unicode's Cc and Cf, which also turn the direction of writing) and lone surrogates
    are written as escapes; line ends and tabs stay.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character
        if character in _KEPT or not _is_control(character)
        else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in text
    )


def undirected(text: str) -> str:
    """A text for a page: control characters, and those that turn the direction of what follows, are written out.

    Other format characters stay: some languages join letters by them.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        printable(c) if unicodedata.category(c) in ("Cc", "Cs") or unicodedata.bidirectional(c) in _DIRECTIONS else c
        for c in text
    )


def printable_json(document: str) -> str:
    """A JSON document with the same control characters as its own escapes: the same values, and nothing to obey."""
    if document.isascii() and document.replace("\n", "").isprintable():
        return document
    return "".join(_json_escape(c) if _is_control(c) and c not in _KEPT else c for c in document)


def shortened(value: object) -> str:
    """A value of a program as a message shows it: its type where it is long."""
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"an object of type {type(value).__name__}"


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs")


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))
