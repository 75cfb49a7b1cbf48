"""The input of an attacker: pictures with their labels, and the folds of people to learn from."""

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
"""Groups of subjects for cross-fitting, where there are enough subjects."""

FEWEST_SUBJECTS, CAPTURES = 16, 4
"""Subjects, and captures of each, that are kept at least where material is limited."""


@dataclass(frozen=True)
class Pictures:
    """Palm regions, and what else is there of the same pictures. Arrays may be memory maps; none is written to.

    Attributes:
        regions: (n, 128, 128) uint8 grey palm regions; those of copies are placed as in their originals.
        labels: Whose they are.
        found: (n, 128, 128) uint8, regions as detected in the copies; where nothing was found, as in `regions`. None
            where nothing was searched.
        colours: (n, 128, 128, 3) uint8 RGB of `regions`, or None where the pictures are grey.
        contexts: (n, h, w, 3) uint8 RGB, whole pictures reduced with the palm masked out, or None for pictures of
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
    """Everything an attacker may use.

    Attributes:
        originals: The captures, in any order; labels say which is which.
        copies: What the anonymizer made of them.
        folds: (subjects,) int32, the fold of each subject by number. Whoever learns attacks the subjects of one fold
            with what was learned on all others.
        recognizers: Name -> recognizer of palm regions.
        own: Copies of the originals that the attacker made himself, by running the anonymizer with seeds of his own.
            None where it cannot be called.
        earlier: Name -> scores of attackers that ran before; for those that combine others.
        recruit: Gives a recognizer by its name, that of the audit where there is one; for attackers who bring their
            own. Raises DeidkitError where it is not available.
        seed: Of whatever an attacker draws.
        cancelled: Whether the user has had enough.
        memo: Cache of what was computed of single pictures.
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
        """Stop here where the user has had enough. Raises Interruption."""
        if self.cancelled():
            raise Interruption("the attack was cancelled")

    def source_rows(self) -> NDArray[np.int64]:
        """(copies,) row in `originals` of each copy's own original, -1 where it is not among them."""
        order = np.argsort(self.originals.labels.sources, kind="stable")
        ordered = self.originals.labels.sources[order]
        places = np.minimum(np.searchsorted(ordered, self.copies.labels.sources), len(ordered) - 1)
        return np.where(ordered[places] == self.copies.labels.sources, order[places], -1)

    def first_copies(self) -> AttackMaterial:
        """The same with one copy of each original."""
        _, rows = np.unique(self.copies.labels.sources, return_index=True)
        return self if len(rows) == len(self.copies) else replace(self, copies=self.copies.rows(np.sort(rows)))

    def limited(self, most: int) -> AttackMaterial:
        """The same with about `most` originals, four or fewer of each subject where there are many, and their copies.

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
    """The rows of about `most` originals, all where there are no more; see `AttackMaterial.limited`."""
    if len(labels) <= most:
        return np.arange(len(labels))
    draw = np.random.default_rng(seed)
    present = draw.permutation(np.unique(labels.subjects))
    wanted = min(len(present), max(FEWEST_SUBJECTS, most // CAPTURES))
    each = max(2, most // wanted)
    captures = [draw.permutation(np.flatnonzero(labels.subjects == subject))[:each] for subject in present[:wanted]]
    return np.sort(np.concatenate(captures))


def identity_folds(subjects: NDArray[np.int32], seed: int = 0) -> NDArray[np.int32]:
    """Deal subjects into `FOLDS` folds of about equal size; fewer where there are fewer subjects.

    Args:
        subjects: (n,) subject numbers, 0 or more, of any pictures.
        seed: Of the deal.

    Returns:
        (largest number + 1,) int32, the fold of each subject by number.
    """
    present = np.unique(subjects)
    folds = np.zeros(int(present[-1]) + 1, dtype=np.int32)
    dealt = np.random.default_rng(seed).permutation(present)
    folds[dealt] = np.arange(len(dealt)) % min(FOLDS, len(dealt))
    return folds
