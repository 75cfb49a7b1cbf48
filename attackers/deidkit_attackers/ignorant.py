"""T0: today's recognizers, which have never seen the anonymizer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from deidkit.attacks import AttackMaterial, AttackScores, Tier
from deidkit_attackers.matching import candidates
from deidkit_attackers.selection import choose


@dataclass(frozen=True)
class Ignorant:
    """Compares copies with originals as if nothing had been done to them, with the matcher that does it best."""

    version: ClassVar[str] = "1"
    tier: ClassVar[Tier] = "T0"
    knowledge: ClassVar[str] = "The adversary does not know that pictures were de-identified (ignorant attacker)."
    learns: ClassVar[bool] = True

    def attack(self, material: AttackMaterial) -> AttackScores:
        """Try every matcher, on regions placed as in the original and on newly located ones."""
        originals, copies = material.originals, material.copies
        found = candidates(material, copies.regions, originals.regions)
        if copies.found is not None:
            found |= candidates(material, copies.found, originals.regions, "found anew, ")
        chosen = choose(found, copies.labels, originals.labels, material.folds)
        return AttackScores(
            chosen.distances, copies.labels, originals.labels, note=f"matched by {', '.join(chosen.names)}"
        )
