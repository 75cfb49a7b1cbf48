"""T7: fusion of all preceding attackers into one system."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from deidkit.attacks import AttackMaterial, AttackScores, Labels, Tier
from deidkit.errors import NotComputable
from deidkit_attackers.selection import by_row, splits

_RIDGE = 1e-2
_STEPS = 25
_NONMATED_PER_MATED = 40
"""Different-identity comparisons sampled for training per same-identity comparison."""


@dataclass(frozen=True)
class Fusion:
    """Logistic regression on the scores of all attackers that compared the same copies with the same gallery.

    Weights are learned on other people and are never negative: a small distance never counts against a match.
    """

    version: ClassVar[str] = "1"
    tier: ClassVar[Tier] = "T7"
    knowledge: ClassVar[str] = "The adversary combines all attacks, calibrated on other people (fusion)."
    learns: ClassVar[bool] = True
    combines: ClassVar[bool] = True

    def attack(self, material: AttackMaterial) -> AttackScores:
        """Fuse the scores. Raises NotComputable if fewer than two attackers compared the same pictures."""
        probes, references = material.copies.labels, material.originals.labels
        fitting = {
            name: scores
            for name, scores in material.earlier.items()
            if not scores.within and _same(scores.probes, probes) and _same(scores.references, references)
        }
        if len(fitting) < 2:
            raise NotComputable(
                f"{len(fitting)} attackers compared these copies with these originals, at least 2 are needed.",
                "Run more attackers, for example --attack standard.",
            )
        planes = np.stack([by_row(scores.distances) for scores in fitting.values()], axis=-1)
        mated = probes.identities[:, None] == references.identities[None]
        fused = np.zeros(mated.shape, np.float32)
        used = np.zeros(len(fitting))
        draw = np.random.default_rng(material.seed)
        for attacked, learned, known in splits(probes, references, material.folds):
            material.check()
            part = np.ix_(learned, known)
            weights = _fit_weights(planes[part], mated[part], draw)
            fused[attacked] = planes[attacked] @ weights
            used += weights
        order = [list(fitting)[place] for place in np.argsort(-used) if used[place] > 0]
        return AttackScores(fused, probes, references, note=f"most weight on {', '.join(order[:3]) or 'none'}")


def _same(one: Labels, other: Labels) -> bool:
    return np.array_equal(one.sources, other.sources) and np.array_equal(one.seeds, other.seeds)


def _fit_weights(
    planes: NDArray[np.float32], mated: NDArray[np.bool_], draw: np.random.Generator
) -> NDArray[np.float32]:
    """(k,) non-negative weights of a class-balanced logistic regression of `mated` on (p, g, k) distances.

    Projected Newton steps on the regularised likelihood (Bertsekas 1982).
    """
    own, other = planes[mated], planes[~mated]
    if not len(own) or not len(other):
        return np.full(planes.shape[-1], 1 / planes.shape[-1], np.float32)
    few = min(len(other), _NONMATED_PER_MATED * len(own))
    other = other[draw.choice(len(other), few, replace=False)]
    x = np.concatenate([own, other]).astype(np.float64)
    sign = np.concatenate([np.ones(len(own)), -np.ones(len(other))])
    share = np.concatenate([np.full(len(own), 0.5 / len(own)), np.full(len(other), 0.5 / len(other))])
    x = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    weights = np.zeros(x.shape[1])
    ridge = np.full(x.shape[1], _RIDGE)
    ridge[-1] = 1e-9
    for _ in range(_STEPS):
        margin = -(x @ weights) * sign  # a small distance means one identity
        wrong = 1 / (1 + np.exp(np.clip(margin, -30, 30)))
        gradient = (x * (share * wrong * sign)[:, None]).sum(axis=0) + ridge * weights
        free = (weights > 0) | (gradient < 0)
        free[-1] = True
        curvature = x[:, free].T @ (x[:, free] * (share * wrong * (1 - wrong))[:, None]) + np.diag(ridge[free])
        step = np.zeros_like(weights)
        step[free] = np.linalg.solve(curvature, gradient[free])
        weights = weights - step
        weights[:-1] = np.maximum(weights[:-1], 0)
    return np.asarray(weights[:-1], np.float32)
