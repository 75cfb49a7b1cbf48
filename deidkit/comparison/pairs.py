"""Records of the comparison stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidkit.scores import Identification, ScoreSet

KINDS = ("same_source", "same_identity", "different_identity")
"""Kinds of comparison; the index is used as a number."""


@dataclass(frozen=True)
class Templates:
    """Templates of some pictures, with their labels.

    Attributes:
        data: (m, ...) templates, consecutive for each picture.
        identities: (n,) int32 identity number of each picture.
        subjects: (n,) int32 subject number, 0 or more.
        sources: (n,) int32 number of each picture's original sample.
        starts: (n + 1,) int64 first template of each picture, and the total, for pictures of several hands, of which
            the best comparison counts. None if every picture has one template.
    """

    data: NDArray[Any]
    identities: NDArray[np.int32]
    subjects: NDArray[np.int32]
    sources: NDArray[np.int32]
    starts: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        pictures = len(self.data) if self.starts is None else len(self.starts) - 1
        if {len(self.identities), len(self.subjects), len(self.sources)} != {pictures}:
            raise ValueError("templates, identities, subjects and sources must be equally many")

    def __len__(self) -> int:
        return len(self.identities)

    def block(self, rows: slice) -> Block:
        """The templates of consecutive pictures."""
        if self.starts is None:
            return Block(self.data[rows], None)
        starts = self.starts[rows.start : rows.stop + 1]
        return Block(self.data[starts[0] : starts[-1]], starts[:-1] - starts[0])


@dataclass(frozen=True)
class Block:
    """Templates of consecutive pictures.

    Attributes:
        data: (m, ...) templates.
        starts: (k,) int64 first template of each picture; None if every picture has one.
    """

    data: NDArray[Any]
    starts: NDArray[np.int64] | None

    @property
    def pictures(self) -> int:
        """Number of pictures."""
        return len(self.data) if self.starts is None else len(self.starts)


@dataclass(frozen=True)
class PairScores:
    """All comparisons of two sets of templates.

    Attributes:
        same_source: Scores of templates from one original sample.
        same_identity: Scores of one identity, from different samples.
        different_identity: Scores of two identities.
        identification_with_source: Search of each probe among all other references; None if not requested.
        identification_without_source: The same without the references from the probe's own source.
    """

    same_source: ScoreSet
    same_identity: ScoreSet
    different_identity: ScoreSet
    identification_with_source: Identification | None
    identification_without_source: Identification | None
