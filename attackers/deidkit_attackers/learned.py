"""T3, learned: base class of the attackers that learn to restore copies from pairs of other people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from deidkit.attacks import AttackMaterial, AttackScores, Tier
from deidkit.errors import NotComputable
from deidkit_attackers import lines
from deidkit_attackers.selection import by_row, choose, splits

MINIMUM_PAIRS = 4
"""Minimum number of training pairs."""

Restore = Callable[[NDArray[np.float32]], Mapping[str, NDArray[np.float32]]]
"""(n, 128, 128) copies -> {name of a setting: (n, 128, 128) restored copies}."""


class LearnedRestoration:
    """Restores copies with a model learned on pairs of other people, and compares their lines with the originals'."""

    version: ClassVar[str] = "1"
    tier: ClassVar[Tier] = "T3"
    knowledge: ClassVar[str] = (
        "The adversary has originals and copies of other people and learns to invert the anonymizer (inversion)."
    )
    learns: ClassVar[bool] = True
    fewest_subjects: ClassVar[int] = 4

    @property
    def trained(self) -> str:
        """What was trained, as worded in the report before "on other people"."""
        return "learned"

    def learn(self, originals: NDArray[np.float32], copies: NDArray[np.float32], material: AttackMaterial) -> Restore:
        """Learn from pairs.

        Args:
            originals: (n, 128, 128) regions.
            copies: (n, 128, 128) their de-identified copies.
            material: Supplies the seed and the check for interruption.
        """
        raise NotImplementedError

    def compare(
        self, material: AttackMaterial, restored: Mapping[str, NDArray[np.float32]]
    ) -> dict[str, NDArray[np.float32]]:
        """Compare restored copies with the originals, by their lines.

        Args:
            material: The attacked copies and originals.
            restored: Name of a setting -> (copies, 128, 128).

        Returns:
            Name -> (copies, originals) distances as `by_row` gives them.
        """
        gallery = lines.TwoScales(lines.features(material.originals.regions, memo=material.memo))
        found: dict[str, NDArray[np.float32]] = {}
        for name, pictures in restored.items():
            material.check()
            found |= gallery.distances(lines.features(pictures), name)
        return {name: by_row(distances) for name, distances in found.items()}

    def attack(self, material: AttackMaterial) -> AttackScores:
        """Restore the copies of each fold with a model learned on the other folds, and compare them.

        Raises:
            NotComputable: There are too few pairs to learn from.
        """
        originals, copies = material.originals, material.copies
        sources = material.source_rows()
        found: dict[str, NDArray[np.float32]] = {}
        for attacked, learned, _ in splits(copies.labels, originals.labels, material.folds):
            material.check()
            pairs = _training_rows(learned, sources)
            originals_learned = originals.regions[sources[pairs]].astype(np.float32)
            restore = self.learn(originals_learned, copies.regions[pairs].astype(np.float32), material)
            for name, restored in restore(copies.regions[attacked].astype(np.float32)).items():
                found.setdefault(name, np.zeros(copies.regions.shape, np.float32))[attacked] = restored
        chosen = choose(self.compare(material, found), copies.labels, originals.labels, material.folds)
        note = f"{self.trained} on other people, taken: {', '.join(chosen.names)}"
        return AttackScores(chosen.distances, copies.labels, originals.labels, note=note)


def _training_rows(learned: NDArray[np.bool_], sources: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of the copies that may be learned from and whose original is available."""
    rows = np.flatnonzero(learned & (sources >= 0))
    if len(rows) < MINIMUM_PAIRS:
        raise NotComputable(
            f"There are {len(rows)} pairs of an original and its copy of other people, "
            f"at least {MINIMUM_PAIRS} are needed.",
            "Use more subjects.",
        )
    return rows
