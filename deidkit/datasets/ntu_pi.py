"""NTU Palmprints from the Internet."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import ClassVar

from deidkit.datasets.files import HANDS, Name, NamedFiles

_NAME = re.compile(r"(\d+)-([LR])(\d+)(?:-(?P<made>(?:_Mask_)?\d*)Class\d+)?", re.ASCII | re.IGNORECASE)

_VERSIONS = {"imgorg": 1, "img": 2, "imggen": 3}
"""Folder below ``flip`` -> which version of a capture lies there, the first taken first."""


@dataclass(frozen=True)
class NTUPI(NamedFiles):
    """NTU-PI-v1: 7,781 pictures of 2,035 palms from the Internet, whole hands.

    The release holds each capture several times: as it was, mirrored to one side, made smaller, with the background
    masked, and turned for training. One of them is used, in that order.
    """

    told_apart: ClassVar[bool] = True
    layout: ClassVar[str] = (
        "img/S-{L,R}K.jpg, flip/{imgOrg,img}/{train,test}/S-{L,R}K-ClassN.jpg, flip/imgGen/, imgMask/"
    )
    source: ClassVar[str] = "signed agreement, forensic-biometrics research only: github.com/matkowski-voy"

    @classmethod
    def understand(cls, path: PurePosixPath) -> Name | None:
        """Subject and hand from the file, which version of the capture it is from the folders."""
        match = _NAME.fullmatch(path.stem)
        if not match:
            return None
        folders = [part.lower() for part in path.parts[:-1]]
        rank = max((_VERSIONS.get(folder, 0) for folder in folders), default=0) if "flip" in folders else 0
        if "imgmask" in folders or match["made"]:
            rank = 5 if match["made"] else 4
        subject, hand = match[1], HANDS[match[2].lower()]
        return Name(subject, hand, kind="hand", capture=f"{subject}/{hand}/{int(match[3])}", rank=rank)
