"""CASIA Palmprint Image Database."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import ClassVar

from deidkit.datasets.files import HANDS, Name, NamedFiles

_NAME = re.compile(r"(\d{4})_([mf])_([lr])_(\d+)", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class CASIA(NamedFiles):
    """CASIA Palmprint V1: 301 to 312 people by different counts, both hands, whole hands."""

    told_apart: ClassVar[bool] = True
    layout: ClassVar[str] = "SSSS/SSSS_{m,f}_{l,r}_KK.jpg"
    source: ClassVar[str] = "on registration with the Chinese Academy of Sciences, Institute of Automation"

    @classmethod
    def understand(cls, path: PurePosixPath) -> Name | None:
        """Subject and hand from the file."""
        match = _NAME.fullmatch(path.stem)
        return Name(match[1], HANDS[match[3].lower()], kind="hand") if match else None
