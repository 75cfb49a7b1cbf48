"""PolyU's second palmprint database, taken with contact."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import ClassVar

from deidkit.datasets.files import Name, NamedFiles

_NAME = re.compile(r"P_([A-Z])_(\d+)_(\d+)", re.ASCII | re.IGNORECASE)

_SESSIONS = {"f": "1", "s": "2"}


@dataclass(frozen=True)
class PolyUII(NamedFiles):
    """PolyU II: 386 palms in two sessions of about ten pictures, grey; each palm counts as a subject of its own."""

    told_apart: ClassVar[bool] = True
    layout: ClassVar[str] = "P_{F,S}_N_K.bmp; F and S are the first and the second session, N is the palm"
    source: ClassVar[str] = "on request: www4.comp.polyu.edu.hk/~biometrics"

    @classmethod
    def understand(cls, path: PurePosixPath) -> Name | None:
        """Session and palm from the file; names do not tell whose palms belong together."""
        match = _NAME.fullmatch(path.stem)
        return Name(match[2], session=_SESSIONS.get(match[1].lower(), match[1].upper())) if match else None
