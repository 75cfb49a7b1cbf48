"""One folder for each person."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import ClassVar

from deidkit.datasets.files import HANDS, Name, NamedFiles

SESSION = re.compile(r"(?:session|s|visit|day|time)[ _-]?(\d+)", re.ASCII | re.IGNORECASE)
"""A folder that is surely a session; any other single folder between person and file is taken for one too."""


@dataclass(frozen=True)
class Folders(NamedFiles):
    """A folder for each person, inside it the pictures, or first folders for the hand and the session."""

    layout: ClassVar[str] = "SUBJECT/[{left,right}/][SESSION/]anything.ext"
    source: ClassVar[str] = "any"

    @classmethod
    def understand(cls, path: PurePosixPath) -> Name | None:
        """The first folder is the person, one named after a hand the hand, another the session."""
        _, *folders, _ = path.parts
        if not folders:
            return None
        subject, *inner = folders
        hands = [HANDS[part.lower()] for part in inner if part.lower() in HANDS]
        sessions = [part for part in inner if part.lower() not in HANDS]
        if len(hands) > 1 or len(sessions) > 1:
            return None
        return Name(subject, hands[0] if hands else None, sessions[0] if sessions else None)
