"""Input of an attacker: pictures with labels, and folds of people for cross-fitting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from deidkit.attacks.labels import Labels
from deidkit.attacks.memo import Memo
from deidkit.attacks.scores import AttackScores
from deidkit.errors import Interruption, NotComputable
from deidkit.protocols import Recognizer

FOLDS = 5
"""Number of folds of subjects for cross-fitting, if there are enough subjects."""

FEWEST_SUBJECTS, CAPTURES = 16, 4
"""Least number of subjects, and of captures per subject, that are kept when material is limited."""


@dataclass(frozen=True)
class Pictures:
    """Palm regions and further data of the same pictures. Arrays may be read-only memory maps.

    Attributes:
        regions: (n, 128, 128) uint8 grey palm regions; those of copies are placed as in their originals.
        labels: Labels of the pictures.
        found: (n, 128, 128) uint8, regions as detected in the copies; equal to `regions` if none was detected. None
            if no detection was run.
        colours: (n, 128, 128, 3) uint8 RGB of `regions`, or None for grey pictures.
        contexts: (n, h, w, 3) uint8 RGB, reduced whole pictures with the palm masked out, or None for pictures of
            palm regions.
    """

    regions: NDArray[np.uint8]
    labels: Labels
    found: NDArray[np.uint8] | None = None
    colours: NDArray[np.uint8] | None = None
    contexts: NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        arrays = (self.regions, self.found, self.colours, self.contexts)
        if any(array is not None and len(array) != len(self.labels) for array in arrays):
            raise ValueError("every array of pictures must have an entry for each label")

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, rows: NDArray[Any]) -> Self:
        """Some of the pictures."""

        def part(array: NDArray[np.uint8] | None) -> NDArray[np.uint8] | None:
            return None if array is None else array[rows]

        return replace(
            self,
            regions=self.regions[rows],
            labels=self.labels.rows(rows),
            found=part(self.found),
            colours=part(self.colours),
            contexts=part(self.contexts),
        )

    def labelled(self, labels: Labels) -> Self:
        """The same pictures under other labels."""
        return replace(self, labels=labels)


def _nobody(name: str) -> Recognizer:
    raise NotComputable(f"The recognizer '{name}' is not available here.", "Run the attack in an audit.")


@dataclass(frozen=True)
class AttackMaterial:
    """All data available to an attacker.

    Attributes:
        originals: The captures, in any order.
        copies: Their de-identified copies.
        folds: (subjects,) int32, the fold of each subject by number. An attacker that learns must attack the subjects
            of one fold with what was learned on all others.
        recognizers: Name -> recognizer of palm regions.
        own: Copies of the originals that the attacker made by running the anonymizer with their own seeds. None if it
            cannot be called.
        earlier: Name -> scores of preceding attackers, for those that combine others.
        recruit: Returns a recognizer by name, the audit's own if there is one, for attackers that need a particular
            one. Raises DeidkitError if it is not available.
        seed: Of the attacker's random numbers.
        cancelled: Returns whether the user has cancelled the audit.
        memo: Cache of results for single pictures.
    """

    originals: Pictures
    copies: Pictures
    folds: NDArray[np.int32]
    recognizers: Mapping[str, Recognizer] = field(default_factory=dict)
    own: Pictures | None = None
    earlier: Mapping[str, AttackScores] = field(default_factory=dict)
    recruit: Callable[[str], Recognizer] = _nobody
    seed: int = 0
    cancelled: Callable[[], bool] = lambda: False
    memo: Memo = field(default_factory=Memo, repr=False, compare=False)

    def check(self) -> None:
        """Raise Interruption if the user has cancelled the audit."""
        if self.cancelled():
            raise Interruption("the attack was cancelled")

    def source_rows(self) -> NDArray[np.int64]:
        """(copies,) row in `originals` of each copy's own original, -1 if it is missing."""
        order = np.argsort(self.originals.labels.sources, kind="stable")
        ordered = self.originals.labels.sources[order]
        places = np.minimum(np.searchsorted(ordered, self.copies.labels.sources), len(ordered) - 1)
        return np.where(ordered[places] == self.copies.labels.sources, order[places], -1)

    def first_copies(self) -> AttackMaterial:
        """Restrict to one copy of each original."""
        _, rows = np.unique(self.copies.labels.sources, return_index=True)
        return self if len(rows) == len(self.copies) else replace(self, copies=self.copies.rows(np.sort(rows)))

    def limited(self, most: int) -> AttackMaterial:
        """Restrict to about `most` originals, at most four per subject if there are many, and their copies.

        Subjects and captures are drawn at random by `seed`.
        """
        labels = self.originals.labels
        if len(labels) <= most:
            return self
        rows = limited_rows(labels, most, self.seed)

        def of_these(copies: Pictures) -> Pictures:
            return copies.rows(np.flatnonzero(np.isin(copies.labels.sources, labels.sources[rows])))

        return replace(
            self,
            originals=self.originals.rows(rows),
            copies=of_these(self.copies),
            own=None if self.own is None else of_these(self.own),
        )


def limited_rows(labels: Labels, most: int, seed: int) -> NDArray[np.intp]:
    """Rows of about `most` originals, all if there are no more; see `AttackMaterial.limited`."""
    if len(labels) <= most:
        return np.arange(len(labels))
    draw = np.random.default_rng(seed)
    present = draw.permutation(np.unique(labels.subjects))
    wanted = min(len(present), max(FEWEST_SUBJECTS, most // CAPTURES))
    each = max(2, most // wanted)
    captures = [draw.permutation(np.flatnonzero(labels.subjects == subject))[:each] for subject in present[:wanted]]
    return np.sort(np.concatenate(captures))


def identity_folds(subjects: NDArray[np.int32], seed: int = 0) -> NDArray[np.int32]:
    """Assign subjects at random to `FOLDS` folds of about equal size, or fewer for few subjects.

    Args:
        subjects: (n,) subject numbers, 0 or more, of any pictures.
        seed: Of the assignment.

    Returns:
        (largest number + 1,) int32, the fold of each subject by number.
    """
    present = np.unique(subjects)
    folds = np.zeros(int(present[-1]) + 1, dtype=np.int32)
    dealt = np.random.default_rng(seed).permutation(present)
    folds[dealt] = np.arange(len(dealt)) % min(FOLDS, len(dealt))
    return folds
