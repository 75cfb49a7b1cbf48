"""T3: copies restored by what is known of common anonymizers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from deidkit.attacks import Attacker, AttackMaterial, AttackScores, Tier
from deidkit_attackers import lines
from deidkit_attackers.restorations import restorations
from deidkit_attackers.selection import by_row, choose, shortlist

_SCREENED = 48
"""Originals on whose copies every restoration is tried."""

_FINALISTS = 3
_COARSE = ", coarse"


@dataclass(frozen=True)
class Restoration(Attacker):
    """Undoes blur, mosaic and flattening, and looks into low bits and channels; what helps shows on other people."""

    tier: ClassVar[Tier] = "T3"
    knowledge: ClassVar[str] = "The adversary knows common anonymizers and restores copies before matching (inversion)."
    learns: ClassVar[bool] = True
    weak: ClassVar[str] = "blurred"

    def attack(self, material: AttackMaterial) -> AttackScores:
        """Every restoration on some pictures, the best of them on all, fine and coarse lines, against originals."""
        originals, copies = material.originals, material.copies
        part = material.limited(_SCREENED)
        screened: dict[str, NDArray[np.float32]] = {}
        gallery = lines.features(part.originals.regions)
        for name, restore in restorations(part.copies):
            material.check()
            screened |= _compared(name, lines.features(restore()), gallery, lines.Shifts(1))
        kept = shortlist(screened, part.copies.labels, part.originals.labels, material.folds, _FINALISTS)
        gallery = lines.features(originals.regions)
        found: dict[str, NDArray[np.float32]] = {}
        for name, restore in restorations(copies):
            if name in kept or f"{name}{_COARSE}" in kept:
                material.check()
                found |= _compared(name, lines.features(restore()), gallery, lines.Shifts(2))
        chosen = choose(found, copies.labels, originals.labels, material.folds)
        note = f"{len(screened) // 2} restorations tried, taken: {', '.join(chosen.names)}"
        return AttackScores(chosen.distances, copies.labels, originals.labels, note=note)


def _compared(
    name: str, probes: NDArray[np.float32], gallery: NDArray[np.float32], shifts: lines.Shifts
) -> dict[str, NDArray[np.float32]]:
    return {
        name: by_row(lines.distances(probes, gallery, shifts)),
        f"{name}{_COARSE}": by_row(lines.distances(lines.coarse(probes), lines.coarse(gallery), shifts)),
    }
