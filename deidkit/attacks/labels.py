"""Labels of the pictures that an attack works on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Labels:
    """Identity, subject, source and seed of each picture.

    Attributes:
        identities: (n,) int32 number of the identity.
        subjects: (n,) int32 number of the subject, 0 or more.
        sources: (n,) int32 number of the original capture, for an original itself.
        seeds: (n,) int32 number of the copy among those of its original; 0 for an original.
    """

    identities: NDArray[np.int32]
    subjects: NDArray[np.int32]
    sources: NDArray[np.int32]
    seeds: NDArray[np.int32]

    def __post_init__(self) -> None:
        if len({len(self.identities), len(self.subjects), len(self.sources), len(self.seeds)}) != 1:
            raise ValueError("identities, subjects, sources and seeds must be equally many")

    def __len__(self) -> int:
        return len(self.identities)

    def rows(self, rows: NDArray[Any]) -> Labels:
        """Labels of some rows."""
        return Labels(self.identities[rows], self.subjects[rows], self.sources[rows], self.seeds[rows])
