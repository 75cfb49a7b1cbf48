"""T1: the gallery is de-identified too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from deidkit.attacks import AttackMaterial, AttackScores, Tier
from deidkit.protocols import option
from deidkit_attackers.matching import candidates
from deidkit_attackers.selection import choose


@dataclass(frozen=True)
class Informed:
    """Runs the anonymizer on his gallery, with his own seeds; where it cannot be called, takes released copies."""

    runs: int = option(1, "How often the anonymizer is run on each picture of the gallery", minimum=1, maximum=16)

    version: ClassVar[str] = "1"
    tier: ClassVar[Tier] = "T1"
    knowledge: ClassVar[str] = "The adversary knows the anonymizer and runs it on the gallery (lazy-informed attacker)."
    learns: ClassVar[bool] = True

    def attack(self, material: AttackMaterial) -> AttackScores:
        """Copies against copies of other captures."""
        originals, copies = material.originals, material.copies
        if material.redeidentify is None:
            found = candidates(material, copies.regions, copies.regions)
            chosen = choose(found, copies.labels, copies.labels, material.folds, within=True)
            return AttackScores(
                chosen.distances,
                copies.labels,
                copies.labels,
                within=True,
                note=f"the anonymizer cannot be called: released copies as gallery, by {', '.join(chosen.names)}",
            )
        rows = np.arange(len(originals), dtype=np.int32)
        runs = []
        for run in range(self.runs):
            material.check()
            # Seeds of his own: far from those that an audit uses.
            gallery = material.redeidentify(rows, 1_000_003 + material.seed + run)
            runs.append(candidates(material, copies.regions, gallery))
        found = {name: np.mean([run[name] for run in runs], axis=0) for name in runs[0]}
        chosen = choose(found, copies.labels, originals.labels, material.folds)
        note = f"gallery de-identified by the adversary, {self.runs} x {len(rows)} calls, by {', '.join(chosen.names)}"
        return AttackScores(chosen.distances, copies.labels, originals.labels, note=note)
