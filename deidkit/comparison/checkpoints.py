"""Checkpoints of long comparisons, so that an interruption costs no more than a minute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

EVERY = 30.0
"""Seconds between two checkpoints."""


@dataclass(frozen=True)
class Checkpoint:
    """A comparison up to some stripe.

    Attributes:
        stripes: How many stripes are compared: the first ones.
        arrays: What was counted and kept, by name.
    """

    stripes: int
    arrays: dict[str, NDArray[Any]]


class Checkpoints(Protocol):
    """Where a running comparison is saved."""

    def load(self) -> Checkpoint | None:
        """The last checkpoint of the very same comparison; None where there is none."""
        ...

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint in place of the last."""
        ...
