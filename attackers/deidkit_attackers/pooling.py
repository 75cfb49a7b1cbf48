"""T5: pools the copies of one capture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from deidkit.attacks import AttackMaterial, AttackScores, Labels, NotApplicable, PooledPoint, Tier
from deidkit.errors import NotComputable
from deidkit.measures.error_rates import equal_error_rate
from deidkit_attackers import lines
from deidkit_attackers.selection import by_row, choose


@dataclass(frozen=True)
class Pooling:
    """Averages all copies of a capture before comparing them with originals: what differs between copies cancels."""

    version: ClassVar[str] = "1"
    tier: ClassVar[Tier] = "T5"
    knowledge: ClassVar[str] = "The adversary holds several copies of each capture and averages them."
    learns: ClassVar[bool] = True
    weak: ClassVar[str] = "noisy"
    pools: ClassVar[bool] = True

    def attack(self, material: AttackMaterial) -> AttackScores:
        """Compare means of 1, 2, 4 ... copies. Raises NotApplicable if there is only one copy of each original."""
        copies, originals = material.copies, material.originals
        _, numbers = np.unique(copies.labels.sources, return_inverse=True)
        counts = np.bincount(numbers)
        most = int(counts.max(initial=0))
        if most < 2:
            raise NotApplicable("There is one copy of each original.", "Ask for several copies with --seeds.")
        found = lines.features(copies.regions, memo=material.memo)
        gallery = lines.Gallery(lines.features(originals.regions, memo=material.memo))
        points: list[PooledPoint] = []
        for pooled in sorted({2**power for power in range(most.bit_length())} | {most}):
            material.check()
            labels, pictures, means = _pooled(copies.regions, found, copies.labels, numbers, pooled)
            several = {
                "mean picture": by_row(lines.distances(lines.features(pictures), gallery)),
                "mean features": by_row(lines.distances(means, gallery)),
            }
            chosen = choose(several, labels, originals.labels, material.folds)
            scores = AttackScores(chosen.distances, labels, originals.labels)
            points.append(_point(scores, pooled))
        note = f"up to {most} copies pooled, {chosen.names[0]}"
        return AttackScores(scores.distances, labels, originals.labels, note=note, curve=tuple(points))


def _pooled(
    regions: NDArray[np.uint8], found: NDArray[np.float32], labels: Labels, numbers: NDArray[np.intp], pooled: int
) -> tuple[Labels, NDArray[np.float32], NDArray[np.float32]]:
    """Labels, mean pictures and mean features of the first `pooled` copies of each original."""
    firsts, pictures, means = [], [], []
    for number in range(int(numbers.max()) + 1):
        rows = np.flatnonzero(numbers == number)[:pooled]
        firsts.append(rows[0])
        pictures.append(regions[rows].mean(axis=0, dtype=np.float32))
        means.append(found[rows].mean(axis=0))
    return labels.rows(np.asarray(firsts)), np.asarray(pictures, np.float32), np.asarray(means, np.float32)


def _point(scores: AttackScores, pooled: int) -> PooledPoint:
    search = scores.identification(without_source=True)
    if not search.better.size:
        search = scores.identification(without_source=False)
    rank_1 = 100 * float(search.hit_probability(1).mean()) if search.better.size else None
    try:
        point = equal_error_rate(scores.same_identity().distribution(), scores.different_identity().distribution())
        error = 100 * min(point.eer, 0.5)
    except NotComputable:
        error = None
    return PooledPoint(copies=pooled, rank_1_percent=rank_1, equal_error_percent=error)
