"""Files named after palm and sample, as many research copies are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import ClassVar

from deidkit.datasets.files import Name, NamedFiles, hand_of_folder

_NAME = re.compile(r"(\d+)_(\d+)", re.ASCII)


@dataclass(frozen=True)
class Numbered(NamedFiles):
    """Files named PALM_SAMPLE by two numbers, the usual form of research copies."""

    layout: ClassVar[str] = "NNNN_SSSS.ext; in folders Left and Right the number is a person, else a palm"
    source: ClassVar[str] = "any"

    @classmethod
    def understand(cls, path: PurePosixPath) -> Name | None:
        """The first number is the palm."""
        match = _NAME.fullmatch(path.stem)
        return Name(match[1], hand_of_folder(path)) if match else None
