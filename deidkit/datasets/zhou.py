"""Zhou phone palmprints."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import ClassVar

from deidkit.datasets.files import Name, NamedFiles

_NAME = re.compile(r"(\d+)_.+", re.ASCII)


@dataclass(frozen=True)
class Zhou(NamedFiles):
    """Palm pictures by phone (JDAAT 1(2):24, 2019): 166 palms, 1,295 pictures, as flat files named after the palm."""

    layout: ClassVar[str] = "N_....ext; the first field is the identity. Never guessed from a folder: name the adapter"
    source: ClassVar[str] = "no public download is known"

    @classmethod
    def understand(cls, path: PurePosixPath) -> Name | None:
        """The number before the first underscore, without leading zeros."""
        match = _NAME.fullmatch(path.stem)
        return Name(str(int(match[1]))) if match else None
