"""The control: returns what it is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from deidkit.protocols import Failure, HandImage, Image


@dataclass(frozen=True)
class Identity:
    """Returns its input: the control that shows what the measurement itself costs."""

    version: ClassVar[str] = "1"
    deterministic: ClassVar[bool] = True
    diverse: ClassVar[bool] = False
    thread_safe: ClassVar[bool] = True
    control: ClassVar[bool] = True

    def deidentify(self, images: Sequence[HandImage], seeds: Sequence[int]) -> list[list[Image | Failure]]:
        """A copy of each picture for each seed."""
        return [[image.pixels.copy() for _ in seeds] for image in images]
