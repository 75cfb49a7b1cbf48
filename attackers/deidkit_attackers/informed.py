"""T1: the gallery is de-identified too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from deidkit.attacks import AttackMaterial, AttackScores, Tier
from deidkit.protocols import option
from deidkit_attackers.matching import candidates
from deidkit_attackers.selection import choose


@dataclass(frozen=True)
class Informed:
    """Runs the anonymizer on his gallery, with his own seeds; where it cannot be called, takes released copies."""

    runs: int = option(1, "How often the anonymizer is run on each picture of the gallery", minimum=1, maximum=16)

    version: ClassVar[str] = "2"
    tier: ClassVar[Tier] = "T1"
    knowledge: ClassVar[str] = "The adversary knows the anonymizer and runs it on the gallery (lazy-informed attacker)."
    learns: ClassVar[bool] = True
    weak: ClassVar[str] = "permuted"

    def attack(self, material: AttackMaterial) -> AttackScores:
        """Compare copies with copies of other captures."""
        copies = material.copies
        if material.own is None:
            found = candidates(material, copies.regions, copies.regions)
            chosen = choose(found, copies.labels, copies.labels, material.folds, within=True)
            return AttackScores(
                chosen.distances,
                copies.labels,
                copies.labels,
                within=True,
                note=f"the anonymizer was not run by him: released copies as gallery, by {', '.join(chosen.names)}",
            )
        own = material.own
        found = candidates(material, copies.regions, own.regions)
        chosen = choose(found, copies.labels, own.labels, material.folds)
        note = f"gallery of {len(own)} copies that the adversary made himself, by {', '.join(chosen.names)}"
        return AttackScores(chosen.distances, copies.labels, own.labels, note=note)
