"""T2: patches compared on their own, each where it fits best, for palms that were bent or moved piecewise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from deidkit.attacks import AttackMaterial, AttackScores, Tier
from deidkit.protocols import option
from deidkit_attackers import lines
from deidkit_attackers.selection import by_row

_STEP = 4


@dataclass(frozen=True)
class Patches:
    """Seeks every patch of a copy near its place in the original; what counts is how well all of them fit."""

    size: int = option(10, "Side of a patch in samples of four pixels", minimum=4, maximum=20)
    reach: int = option(4, "How far a patch is sought, in samples of four pixels", minimum=1, maximum=8)

    version: ClassVar[str] = "1"
    tier: ClassVar[Tier] = "T2"
    knowledge: ClassVar[str] = "The adversary suspects that the palm was bent and compares it piece by piece."
    weak: ClassVar[str] = "warped"

    def attack(self, material: AttackMaterial) -> AttackScores:
        """The mean over patches of the best correlation within reach."""
        originals, copies = material.originals, material.copies
        ours, theirs = (
            lines.features(pictures.regions, memo=material.memo) for pictures in (copies, originals)
        )
        total = np.zeros((len(copies), len(originals)), np.float32)
        starts = range(0, lines.SIDE - self.size + 1, _STEP)
        for top in starts:
            for left in starts:
                material.check()
                total += self._best(ours, theirs, top, left)
        note = f"{len(starts) ** 2} patches, each sought within {4 * self.reach} pixels"
        return AttackScores(by_row(-total), copies.labels, originals.labels, note=note)

    def _best(self, ours: NDArray[np.float32], theirs: NDArray[np.float32], top: int, left: int) -> NDArray[np.float32]:
        patch = lines.unit(ours[:, :, top : top + self.size, left : left + self.size])
        best = np.full((len(ours), len(theirs)), -1.0, np.float32)
        for y in self._places(top):
            for x in self._places(left):
                there = lines.unit(theirs[:, :, y : y + self.size, x : x + self.size])
                np.maximum(best, patch @ there.T, out=best)
        return best

    def _places(self, start: int) -> range:
        return range(max(0, start - self.reach), min(lines.SIDE - self.size, start + self.reach) + 1)
