"""T3: restores copies by known inverses of common anonymizers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from deidkit.attacks import AttackMaterial, AttackScores, Tier
from deidkit_attackers import lines
from deidkit_attackers.restorations import restorations
from deidkit_attackers.selection import by_row, choose, shortlist

_SCREENED = 48
"""Originals whose copies are used to screen the restorations."""

_FINALISTS = 3


@dataclass(frozen=True)
class Restoration:
    """Undoes blur, mosaic and flattening, and reads low bits and channels; the choice is made on other people."""

    version: ClassVar[str] = "1"
    tier: ClassVar[Tier] = "T3"
    knowledge: ClassVar[str] = "The adversary knows common anonymizers and restores copies before matching (inversion)."
    learns: ClassVar[bool] = True
    weak: ClassVar[str] = "blurred"

    def attack(self, material: AttackMaterial) -> AttackScores:
        """Try every restoration on some pictures and the best ones on all, comparing fine and coarse lines."""
        originals, copies = material.originals, material.copies
        part = material.limited(_SCREENED)
        screened: dict[str, NDArray[np.float32]] = {}
        gallery = lines.TwoScales(lines.features(part.originals.regions, memo=material.memo), lines.Shifts(1))
        for name, restore in restorations(part.copies):
            material.check()
            screened |= gallery.distances(lines.features(restore()), name)
        screened = {name: by_row(distances) for name, distances in screened.items()}
        kept = shortlist(screened, part.copies.labels, part.originals.labels, material.folds, _FINALISTS)
        gallery = lines.TwoScales(lines.features(originals.regions, memo=material.memo))
        found: dict[str, NDArray[np.float32]] = {}
        for name, restore in restorations(copies):
            if name in kept or f"{name}{lines.COARSE}" in kept:
                material.check()
                found |= gallery.distances(lines.features(restore()), name)
        found = {name: by_row(distances) for name, distances in found.items()}
        chosen = choose(found, copies.labels, originals.labels, material.folds)
        note = f"{len(screened) // 2} restorations tried, taken: {', '.join(chosen.names)}"
        return AttackScores(chosen.distances, copies.labels, originals.labels, note=note)
