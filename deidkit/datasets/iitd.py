"""IIT Delhi Touchless Palmprint Database."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import ClassVar

from deidkit.datasets.files import Name, NamedFiles, hand_of_folder

_NAME = re.compile(r"(\d{3})_(\d+)", re.ASCII)


@dataclass(frozen=True)
class IITD(NamedFiles):
    """IITD Touchless Palmprint V1: 230 people, both hands; whole hands, or else the owner's palm regions."""

    told_apart: ClassVar[bool] = True
    layout: ClassVar[str] = "{Left Hand,Right Hand}/SSS_K.JPG (hands), Segmented/{Left,Right}/SSS_K.bmp (palm regions)"
    source: ClassVar[str] = "on request, after an agreement: www4.comp.polyu.edu.hk/~csajaykr/IITD/Database_Palm.htm"

    @classmethod
    def understand(cls, path: PurePosixPath) -> Name | None:
        """Subject and capture from the file, the hand from its folder."""
        match, hand = _NAME.fullmatch(path.stem), hand_of_folder(path)
        if not match or not hand:
            return None
        subject, capture = match.groups()
        roi = path.suffix.lower() == ".bmp" or "segmented" in path.parent.as_posix().lower()
        return Name(
            subject, hand, kind="roi" if roi else "hand", capture=f"{subject}/{hand}/{int(capture)}", rank=int(roi)
        )
