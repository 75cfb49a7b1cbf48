"""T2: searches pieces of a copy anywhere in the original, for palms that were cut up and shuffled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from deidkit.attacks import AttackMaterial, AttackScores, Tier
from deidkit.protocols import option
from deidkit_attackers import lines
from deidkit_attackers.selection import by_row, choose

_BYTES = 32 * 2**20


@dataclass(frozen=True)
class Pieces:
    """Cuts a copy into squares and searches each of them everywhere in the original, whatever key shuffled them.

    The score is the mean fit of the squares, each at its best place, with the same freedom for every comparison.
    """

    smallest: int = option(32, "Side of the smallest squares in pixels", choices=(16, 32))

    version: ClassVar[str] = "1"
    tier: ClassVar[Tier] = "T2"
    knowledge: ClassVar[str] = "The adversary suspects that the palm was cut up and shuffled with an unknown key."
    learns: ClassVar[bool] = True
    weak: ClassVar[str] = "shuffled"

    def attack(self, material: AttackMaterial) -> AttackScores:
        """Try squares of every side; use the side that does best on other people."""
        originals, copies = material.originals, material.copies
        ours, theirs = (lines.features(pictures.regions, memo=material.memo) for pictures in (copies, originals))
        sides = [side for side in (16, 32, 64) if side >= self.smallest]
        found = {f"squares of {side}": by_row(-_mean_correlations(material, ours, theirs, side // 4)) for side in sides}
        chosen = choose(found, copies.labels, originals.labels, material.folds)
        return AttackScores(chosen.distances, copies.labels, originals.labels, note=f"taken: {', '.join(chosen.names)}")


def _mean_correlations(
    material: AttackMaterial, ours: NDArray[np.float32], theirs: NDArray[np.float32], side: int
) -> NDArray[np.float32]:
    """(p, g) best correlation anywhere, averaged over squares; `side` in samples."""
    fine = side <= lines.SIDE // 4
    ours, theirs = (
        found[:, : lines.ORIENTATIONS] if fine else found[:, lines.ORIENTATIONS :] for found in (ours, theirs)
    )
    across, rim = lines.SIDE // side, 1 if side > 4 else 0  # the filters reach beyond the square at its rim
    inner = side - 2 * rim
    cut = ours.reshape(len(ours), -1, across, side, across, side)[:, :, :, rim : side - rim, :, rim : side - rim]
    pieces = cut.transpose(0, 2, 4, 1, 3, 5).reshape(len(ours) * across**2, -1)
    total = np.empty((len(ours), len(theirs)), np.float32)
    step = max(1, _BYTES // (4 * across**2 * len(theirs))) * across**2
    places = range(lines.SIDE - inner + 1)
    stride = 1 if fine else 2
    for start in range(0, len(pieces), step):
        some = lines.unit(pieces[start : start + step])
        best = np.full((len(some), len(theirs)), -1.0, np.float32)
        for y in places[::stride]:
            material.check()
            for x in places[::stride]:
                np.maximum(best, some @ lines.unit(theirs[:, :, y : y + inner, x : x + inner]).T, out=best)
        rows = slice(start // across**2, (start + step) // across**2)
        total[rows] = best.reshape(-1, across**2, len(theirs)).mean(axis=1)
    return total
