"""Identities and subjects of an audit as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidkit.comparison import Templates
from deidkit.protocols import Sample


@dataclass(frozen=True)
class Numbering:
    """Identity and subject of each sample, as numbers.

    Attributes:
        identities: (n,) int32 by sample number.
        subjects: (n,) int32 by sample number.
    """

    identities: NDArray[np.int32]
    subjects: NDArray[np.int32]

    def templates(self, data: NDArray[Any], samples: NDArray[np.int32], seeds: NDArray[np.int32]) -> Templates:
        """Label (m, ...) templates by their pictures: (m,) samples and seeds; several may be of one picture."""
        new = np.concatenate([[True], (samples[1:] != samples[:-1]) | (seeds[1:] != seeds[:-1])])
        starts = None if new.all() else np.append(np.flatnonzero(new), len(samples))
        pictures = samples[new]
        return Templates(data, self.identities[pictures], self.subjects[pictures], pictures, starts)


def number(samples: Sequence[Sample]) -> Numbering:
    """Number identities and subjects in the order of their names."""
    _, identities = np.unique([sample.identity for sample in samples], return_inverse=True)
    _, subjects = np.unique([sample.subject for sample in samples], return_inverse=True)
    return Numbering(identities.astype(np.int32), subjects.astype(np.int32))
