"""T3: copies restored by what is known of common anonymizers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from deidkit.attacks import AttackMaterial, Attacker, AttackScores, Tier
from deidkit_attackers import lines
from deidkit_attackers.restorations import restorations
from deidkit_attackers.selection import by_row, choose


@dataclass(frozen=True)
class Restoration(Attacker):
    """Undoes blur, mosaic and flattening, and looks into low bits and channels; what helps shows on other people."""

    tier: ClassVar[Tier] = "T3"
    knowledge: ClassVar[str] = "The adversary knows common anonymizers and restores copies before matching (inversion)."
    learns: ClassVar[bool] = True
    weak: ClassVar[str] = "blurred"

    def attack(self, material: AttackMaterial) -> AttackScores:
        """Every restoration, fine and coarse lines, against originals."""
        originals, copies = material.originals, material.copies
        gallery = lines.features(originals.regions)
        found = {}
        for name, restore in restorations(copies):
            material.check()
            probes = lines.features(restore())
            found[name] = by_row(lines.distances(probes, gallery))
            found[f"{name}, coarse"] = by_row(lines.distances(lines.coarse(probes), lines.coarse(gallery)))
        chosen = choose(found, copies.labels, originals.labels, material.folds)
        note = f"{len(found)} restorations tried, taken: {', '.join(chosen.names)}"
        return AttackScores(chosen.distances, copies.labels, originals.labels, note=note)
