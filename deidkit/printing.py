"""Text of strangers on a terminal: shown, never obeyed."""

from __future__ import annotations

import unicodedata

_KEPT = "\n\t"


def printable(text: str) -> str:
    r"""A text with every control character written out: ``\x1b[2J`` in a file's name clears no screen.

    Control and format characters (Unicode's Cc and Cf, which also turn the direction of writing) and lone surrogates
    are written as escapes; line ends and tabs stay.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character
        if character in _KEPT or unicodedata.category(character) not in ("Cc", "Cf", "Cs")
        else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in text
    )
