"""Tongji's mobile palmprint data set, second version."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import ClassVar

from deidkit.datasets.files import HANDS, Name, NamedFiles

_NAME = re.compile(r"(\d+)_(\d+)_([a-z]+)_([lr])_(\d+)", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class MPDv2(NamedFiles):
    """MPDv2: 200 people, both hands, two sessions, two mobile phones."""

    told_apart: ClassVar[bool] = True
    layout: ClassVar[str] = "SSS_T_{device}_{l,r}_KK.jpg; T is the session"
    source: ClassVar[str] = "cslinzhang.github.io/MobilePalmPrint"

    @classmethod
    def understand(cls, path: PurePosixPath) -> Name | None:
        """Subject, session and hand from the file; the phone does not matter."""
        match = _NAME.fullmatch(path.stem)
        return Name(match[1], HANDS[match[4].lower()], session=match[2]) if match else None
