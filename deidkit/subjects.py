"""Checks of subjects' names in users' tables."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence

MISSING_VALUES = frozenset(
    ["NA", "N/A", "n/a", "#N/A", "#n/a", "<NA>", "<na>",
     "NaN", "nan", "NAN", "NaT", "None", "none", "NONE", "NULL", "null"]
)  # fmt: skip
"""What programs write into an empty cell, e.g. R `NA`: taken for a name, it would join all unknown people into one.

In this spelling only: Nan and Nat are people's names.
"""

_SHOWN = 5
"""Maximum number of groups of names in a message."""

_WHOLE_NUMBER = re.compile(r"(-?\d+)(?:\.0+)?", re.ASCII)


def whole_number(text: str) -> str:
    """Normalize an integer, such as 1.0 to 1; empty if the text is not one."""
    found = _WHOLE_NUMBER.fullmatch(text)
    return found[1] if found else ""


def similar_names(subjects: Iterable[str]) -> list[list[str]]:
    """Find groups of names that most likely mean the same person, in order.

    They differ only by letter case, leading zeros, blanks, characters that do not show, a zero fraction (1 and 1.0),
    the script of digits or Unicode composition.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for subject in sorted(subjects):
        text = " ".join(_plain(subject).split())
        groups[(whole_number(text) or text).lstrip("0")].append(subject)
    return [names for names in groups.values() if len(names) > 1]


def _plain(name: str) -> str:
    """Normalize a name: lower case, ASCII digits, and no invisible characters such as U+200B."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    if folded.isascii():
        return folded
    shown = (letter for letter in folded if unicodedata.category(letter) != "Cf")
    return "".join(str(unicodedata.decimal(letter)) if letter.isdecimal() else letter for letter in shown)


def listed(groups: Sequence[Sequence[str]]) -> str:
    """Format groups of names for a message."""
    shown = "; ".join(" and ".join(f"'{name}'" for name in names) for names in groups[:_SHOWN])
    return f"{shown} and {len(groups) - _SHOWN} more" if len(groups) > _SHOWN else shown


def similar_names_note(subjects: Iterable[str], *, with_names: bool) -> str:
    """A sentence about names that most likely mean one person, without its full stop; empty where there are none.

    It shows them only where it is not kept with a result.
    """
    groups = similar_names(subjects)
    if not groups:
        return ""
    shown = f" ({listed(groups)})" if with_names else ""
    return (
        f"{len(groups)} groups of subjects differ only by letter case, leading zeros or the like{shown} and count as "
        "different people; if they are not, write each person in one way"
    )
