"""Linkability of copies: D_sys (Gomez-Barrero et al., IEEE TIFS 2018).

    D(s) = 2 w LR(s) / (1 + w LR(s)) - 1 where w LR(s) > 1, else 0;   LR(s) = p(s | mated) / p(s | non-mated)
    D_sys = sum over bins of D(s) p(s | mated)

Uses the sum over bins, not the trapezoid rule of the reference program, which halves the end bins and gives 0.5 for a
perfectly linkable set. Both are biased upwards: equal distributions give about 0.06 with up to a thousand scores.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidkit.errors import NotComputable
from deidkit.scores import Distribution

MAX_BINS = 100
DEALS = 200

HYPERGEOMETRIC_LIMIT = 1_000_000_000
"""Number of comparisons from which numpy's multivariate hypergeometric generator refuses to sample."""


def d_sys(mated: Distribution, nonmated: Distribution, omega: float = 1.0, *, trapezoid: bool = False) -> float:
    """System linkability in 0..1; 0 unlinkable, 1 fully linkable.

    Args:
        mated: Distances of copies of one identity.
        nonmated: Distances of copies of two identities.
        omega: Prior odds P(mated) / P(non-mated) of the attacker.
        trapezoid: Integrate as the reference program does, for comparison with published numbers.

    Raises:
        NotComputable: There are fewer than 30 scores of one kind, or the scores are too similar for histograms.
    """
    if mated.total < 30 or nonmated.total < 30:
        raise NotComputable(
            f"{mated.total:.0f} mated and {nonmated.total:.0f} non-mated comparisons are too few for histograms.",
            "At least 30 of each are needed.",
        )
    bins = int(min(mated.total / 10, MAX_BINS))
    low = min(mated.smallest, nonmated.smallest)
    high = max(mated.largest, nonmated.largest)
    if high - low <= 4 * bins * np.spacing(max(abs(low), abs(high))):
        raise NotComputable(
            f"The scores are too much alike ({low:g} to {high:g}) for histograms.",
            "Use a recognizer that distinguishes identities.",
        )
    edges = np.linspace(low, high, bins + 1)
    of_mated = _density(mated, edges)
    of_nonmated = _density(nonmated, edges)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = omega * of_mated / of_nonmated
        local = np.where(ratio > 1, 2 * ratio / (1 + ratio) - 1, 0.0)
    local[(of_nonmated == 0) & (of_mated > 0)] = 1.0
    local[of_mated == 0] = 0.0
    if trapezoid:
        middles = (edges[1:] + edges[:-1]) / 2
        return float(np.trapezoid(of_mated * local, middles))
    return float(np.sum(of_mated * local) * (edges[1] - edges[0]))


def null_d_sys(mated: Distribution, nonmated: Distribution) -> tuple[float, float]:
    """Mean and 95 % quantile of D_sys without linkage, by random permutation of the labels over the scores."""
    bins = int(min(mated.total / 10, MAX_BINS))
    low = min(mated.smallest, nonmated.smallest)
    high = max(mated.largest, nonmated.largest)
    edges = np.linspace(low, high, bins + 1)
    first, second = (distribution.counts(edges).astype(np.int64) for distribution in (mated, nonmated))
    pooled, number, rest = first + second, int(first.sum()), int(second.sum())
    generator = np.random.default_rng(0)
    if number + rest < HYPERGEOMETRIC_LIMIT:
        dealt = generator.multivariate_hypergeometric(pooled, number, size=DEALS, method="marginals")
    else:
        # As many independent draws as give the variance of draws without replacement.
        independent = round(number * (number + rest) / rest)
        drawn = generator.multinomial(independent, pooled / (number + rest), size=DEALS)
        dealt = np.minimum(drawn * (number / independent), pooled)
    shares, others = dealt / number, (pooled - dealt) / rest
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = shares / others
        local = np.where(ratio > 1, 2 * ratio / (1 + ratio) - 1, 0.0)
    local[(others == 0) & (shares > 0)] = 1.0
    local[shares == 0] = 0.0
    found = (shares * local).sum(axis=1)
    return float(found.mean()), float(np.quantile(found, 0.95))


def _density(distribution: Distribution, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(distribution.counts(edges) / (distribution.total * np.diff(edges)))
