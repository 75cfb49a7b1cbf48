"""Checkpoints of long comparisons, so that an interruption costs no more than a minute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

EVERY = 30.0
"""Seconds between two checkpoints."""


@dataclass(frozen=True)
class Checkpoint:
    """State of a comparison after some stripes.

    Attributes:
        stripes: Number of completed stripes, from the first.
        arrays: Counts and scores, by name.
    """

    stripes: int
    arrays: dict[str, NDArray[Any]]


class Checkpoints(Protocol):
    """Storage for the state of a running comparison."""

    def load(self) -> Checkpoint | None:
        """Return the last checkpoint of this very comparison; None if there is none."""
        ...

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the last checkpoint."""
        ...
