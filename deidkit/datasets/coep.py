"""COEP Palm Print Database."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import ClassVar

from deidkit.datasets.files import Name, NamedFiles, hand_of_folder

_NAME = re.compile(r"(\d{3})[ _]+(?:img[ _]*)?\(?\s*([1-8])\s*\)?", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class COEP(NamedFiles):
    """COEP Palm Print Database: 168 numbered palms, 8 pictures of the whole hand each.

    In copies that are passed around, several people stand under two or three numbers and pictures occur twice;
    `deidkit.datasets.inspect_dataset` finds both by identical files, and ``aliases`` joins the numbers.
    """

    told_apart: ClassVar[bool] = True
    layout: ClassVar[str] = "NNN_IMG__ (K).JPG, also NNN_K.jpg; K 1..8; one number, one hand"
    source: ClassVar[str] = "College of Engineering Pune: coep.org.in/resources/coeppalmprintdatabase"

    @classmethod
    def understand(cls, path: PurePosixPath) -> Name | None:
        """The number is the identity; which hand it is, is unknown."""
        match = _NAME.fullmatch(path.stem)
        if not match or path.suffix.lower() not in (".jpg", ".jpeg") or hand_of_folder(path):
            return None
        return Name(match[1], kind="hand")
