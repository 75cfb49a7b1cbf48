"""Tongji Contactless Palmprint Dataset."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import ClassVar

from deidkit.datasets.files import Name, NamedFiles

_SESSION = re.compile(r"session[ _-]?([12])", re.ASCII | re.IGNORECASE)
_NAME = re.compile(r"\d{5}", re.ASCII)

PICTURES_OF_A_PALM = 10
"""In each session, numbered one after the other."""


@dataclass(frozen=True)
class Tongji(NamedFiles):
    """Tongji contactless palmprints: 600 palms, 2 sessions of 10; whole hands, or else the palm regions.

    Two palms each belong to one person, but which is the left one is not published, so every palm counts as a
    subject of its own.
    """

    told_apart: ClassVar[bool] = True
    layout: ClassVar[str] = "session{1,2}/NNNNN.tiff (hands), ROI/session{1,2}/NNNNN.bmp (palm regions); palm (N-1)//10"
    source: ClassVar[str] = "cslinzhang.github.io/ContactlessPalm; no licence is stated there"

    @classmethod
    def understand(cls, path: PurePosixPath) -> Name | None:
        """Palm from the number, session from the folder."""
        sessions = [match[1] for part in path.parts[:-1] if (match := _SESSION.fullmatch(part))]
        if not sessions or not _NAME.fullmatch(path.stem) or int(path.stem) == 0:
            return None
        palm, session = (int(path.stem) - 1) // PICTURES_OF_A_PALM, sessions[-1]
        roi = path.suffix.lower() == ".bmp" or "roi" in (part.lower() for part in path.parts[:-1])
        return Name(
            f"{palm:03d}",
            session=session,
            kind="roi" if roi else "hand",
            capture=f"{session}/{path.stem}",
            rank=int(roi),
        )
