"""T3, learned: what the common part of all attackers is that learn to restore copies from pairs of other people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from deidkit.attacks import AttackMaterial, AttackScores, Tier
from deidkit.errors import NotComputable
from deidkit_attackers import lines
from deidkit_attackers.selection import by_row, choose, splits

FEWEST = 4
"""Pairs from which something can be learned."""

Restore = Callable[[NDArray[np.float32]], Mapping[str, NDArray[np.float32]]]
"""(n, 128, 128) copies -> name of a setting -> (n, 128, 128) restored ones."""


class LearnedRestoration:
    """Restores copies by what pairs of other people taught, and compares their lines with the originals'."""

    version: ClassVar[str] = "1"
    tier: ClassVar[Tier] = "T3"
    knowledge: ClassVar[str] = (
        "The adversary has originals and copies of other people and learns to invert the anonymizer (inversion)."
    )
    learns: ClassVar[bool] = True
    fewest_subjects: ClassVar[int] = 4

    @property
    def trained(self) -> str:
        """What was trained, as the report says it before "on other people"."""
        return "learned"

    def learn(self, originals: NDArray[np.float32], copies: NDArray[np.float32], material: AttackMaterial) -> Restore:
        """Learn from pairs.

        Args:
            originals: (n, 128, 128) regions.
            copies: (n, 128, 128) what became of them.
            material: Whose seed is used, and whether to go on.
        """
        raise NotImplementedError

    def compare(
        self, material: AttackMaterial, restored: Mapping[str, NDArray[np.float32]]
    ) -> dict[str, NDArray[np.float32]]:
        """Compare restored copies with the originals, by their lines.

        Args:
            material: What is attacked.
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
        """Copies of each fold restored by what was learned on the other folds.

        Raises:
            NotComputable: There are too few pairs to learn from.
        """
        originals, copies = material.originals, material.copies
        sources = material.source_rows()
        found: dict[str, NDArray[np.float32]] = {}
        for attacked, learned, _ in splits(copies.labels, originals.labels, material.folds):
            material.check()
            pairs = _pairs(learned, sources)
            originals_learned = originals.regions[sources[pairs]].astype(np.float32)
            restore = self.learn(originals_learned, copies.regions[pairs].astype(np.float32), material)
            for name, restored in restore(copies.regions[attacked].astype(np.float32)).items():
                found.setdefault(name, np.zeros(copies.regions.shape, np.float32))[attacked] = restored
        chosen = choose(self.compare(material, found), copies.labels, originals.labels, material.folds)
        note = f"{self.trained} on other people, taken: {', '.join(chosen.names)}"
        return AttackScores(chosen.distances, copies.labels, originals.labels, note=note)


def _pairs(learned: NDArray[np.bool_], sources: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of copies that may be learned from and whose originals are there."""
    rows = np.flatnonzero(learned & (sources >= 0))
    if len(rows) < FEWEST:
        raise NotComputable(
            f"There are {len(rows)} pairs of an original and its copy of other people, at least {FEWEST} are needed.",
            "Use more subjects.",
        )
    return rows
