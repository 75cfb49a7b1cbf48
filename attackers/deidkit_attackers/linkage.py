"""T5: links copies with one another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from deidkit.attacks import AttackMaterial, AttackScores, Tier
from deidkit_attackers import lines
from deidkit_attackers.frequencies import by_frequencies
from deidkit_attackers.grain import by_grain
from deidkit_attackers.matching import as_pictures, candidates
from deidkit_attackers.pixelwise import marked_places, pixelwise
from deidkit_attackers.selection import by_row, choose


@dataclass(frozen=True)
class Linkage:
    """Compares released copies with one another: of one picture, and of several captures of a person."""

    version: ClassVar[str] = "6"
    tier: ClassVar[Tier] = "T5"
    knowledge: ClassVar[str] = "The adversary holds two releases and no original (copy-to-copy linkage)."
    learns: ClassVar[bool] = True
    weak: ClassVar[str] = "permuted"
    pools: ClassVar[bool] = True

    def attack(self, material: AttackMaterial) -> AttackScores:
        """Compare copies directly, without the mean of all copies, pixel by pixel, and by texture anywhere."""
        copies = material.copies
        found = candidates(material, copies.regions, copies.regions)
        regions = copies.regions.astype(np.float32)
        own = lines.features(as_pictures(regions - regions.mean(axis=0)))
        found["mean of all copies subtracted"] = by_row(lines.distances(own, lines.Gallery(own)))
        found |= pixelwise(copies.regions, material.memo) | marked_places(material)
        material.check()
        found |= by_frequencies(material) | by_grain(material)
        chosen = choose(found, copies.labels, copies.labels, material.folds, within=True)
        note = f"matched by {', '.join(chosen.names)}"
        return AttackScores(chosen.distances, copies.labels, copies.labels, within=True, note=note)
