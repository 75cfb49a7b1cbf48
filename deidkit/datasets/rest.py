"""REST hand database."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import ClassVar

from deidkit.datasets.files import HANDS, Name, NamedFiles

_NAME = re.compile(r"[a-z](\d+)_([lr])_(?:.*_)?(\d+)", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class REST(NamedFiles):
    """REST (REgim Sfax Tunisian hand database) 2016: 179 left and 179 right hands, 1,948 pictures of whole hands."""

    told_apart: ClassVar[bool] = True
    layout: ClassVar[str] = "pN/Hand/{Left,Right}/pN_{l,r}_..._K.jpg, or all files in one folder"
    source: ClassVar[str] = "ieee-dataport.org/open-access/rest-database"

    @classmethod
    def understand(cls, path: PurePosixPath) -> Name | None:
        """The first field less its letter is the subject, the second the hand."""
        match = _NAME.fullmatch(path.stem)
        return Name(match[1], HANDS[match[2].lower()], kind="hand") if match else None
