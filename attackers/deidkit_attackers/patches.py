"""T2: compares patches separately, each at its best position, for palms that were warped or moved piecewise."""

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
    """Searches every patch of a copy near its place in the original; the score is the mean fit of all patches."""

    size: int = option(10, "Side of a patch in samples of four pixels", minimum=4, maximum=20)
    reach: int = option(4, "How far a patch is sought, in samples of four pixels", minimum=1, maximum=8)

    version: ClassVar[str] = "1"
    tier: ClassVar[Tier] = "T2"
    knowledge: ClassVar[str] = "The adversary suspects that the palm was bent and compares it piece by piece."
    weak: ClassVar[str] = "warped"

    def attack(self, material: AttackMaterial) -> AttackScores:
        """Average the best correlation within reach over the patches."""
        originals, copies = material.originals, material.copies
        ours, theirs = (lines.features(pictures.regions, memo=material.memo) for pictures in (copies, originals))
        starts = range(0, lines.SIDE - self.size + 1, _STEP)
        fits = self._best_correlations(material, ours, theirs, [(top, left) for top in starts for left in starts])
        total = np.zeros((len(copies), len(originals)), np.float32)
        for best in fits:
            total += best
        note = f"{len(starts) ** 2} patches, each sought within {4 * self.reach} pixels"
        return AttackScores(by_row(-total), copies.labels, originals.labels, note=note)

    def _best_correlations(
        self,
        material: AttackMaterial,
        ours: NDArray[np.float32],
        theirs: NDArray[np.float32],
        corners: list[tuple[int, int]],
    ) -> list[NDArray[np.float32]]:
        """(p, g) best correlation within reach for each patch; each place of the references is cropped once."""
        patches = [lines.unit(self._crop(ours, *corner)) for corner in corners]
        best = [np.full((len(ours), len(theirs)), -1.0, np.float32) for _ in corners]
        for y in range(lines.SIDE - self.size + 1):
            material.check()
            for x in range(lines.SIDE - self.size + 1):
                there = lines.unit(self._crop(theirs, y, x)).T
                for patch, found, (top, left) in zip(patches, best, corners, strict=True):
                    if max(abs(top - y), abs(left - x)) <= self.reach:
                        np.maximum(found, patch @ there, out=found)
        return best

    def _crop(self, found: NDArray[np.float32], top: int, left: int) -> NDArray[np.float32]:
        return found[:, :, top : top + self.size, left : left + self.size]
