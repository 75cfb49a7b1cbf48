"""Records of the comparison stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidkit.scores import Identification, ScoreSet

KINDS = ("same_source", "same_identity", "different_identity")
"""Kinds of comparison, in the order in which the code numbers them."""


@dataclass(frozen=True)
class Templates:
    """Templates with what is known about each.

    Attributes:
        data: (n, ...) templates.
        identities: (n,) int32 identity number.
        subjects: (n,) int32 subject number, 0 or more.
        sources: (n,) int32 number of the original sample a template comes from.
    """

    data: NDArray[Any]
    identities: NDArray[np.int32]
    subjects: NDArray[np.int32]
    sources: NDArray[np.int32]

    def __post_init__(self) -> None:
        lengths = {len(self.data), len(self.identities), len(self.subjects), len(self.sources)}
        if len(lengths) != 1:
            raise ValueError("templates, identities, subjects and sources must be equally many")

    def __len__(self) -> int:
        return len(self.data)


@dataclass(frozen=True)
class PairScores:
    """All comparisons of two sets of templates.

    Attributes:
        same_source: Of templates that come from one original sample.
        same_identity: Of one identity, from different samples.
        different_identity: Of two identities.
        identification_with_source: Search of each probe among all references, itself excepted; None if not asked for.
        identification_without_source: The same with the references of the probe's own source left out.
        unsearched_with_source: Probes that the first search leaves out, because no reference has their identity.
        unsearched_without_source: Probes that the second search leaves out.
    """

    same_source: ScoreSet
    same_identity: ScoreSet
    different_identity: ScoreSet
    identification_with_source: Identification | None
    identification_without_source: Identification | None
    unsearched_with_source: int
    unsearched_without_source: int
