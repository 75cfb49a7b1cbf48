"""PolyU contact-free hand images."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import ClassVar

from deidkit.datasets.files import Name, NamedFiles

_NAME = re.compile(r"(\d+)_.+", re.ASCII)


@dataclass(frozen=True)
class PolyU(NamedFiles):
    """PolyU contact-free 3D/2D hands: 177 people, 10 pictures each, as flat files named after the person."""

    layout: ClassVar[str] = "N_....ext; the first field is the identity. Never guessed from a folder: name the adapter"
    source: ClassVar[str] = "on request: www4.comp.polyu.edu.hk/~csajaykr/3Dhand.htm"

    @classmethod
    def understand(cls, path: PurePosixPath) -> Name | None:
        """The number before the first underscore, without leading zeros."""
        match = _NAME.fullmatch(path.stem)
        return Name(str(int(match[1]))) if match else None
