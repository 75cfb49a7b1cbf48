"""Separability of score distributions (d', AUC) and the De-identification Ratio.

Yan et al., "Palmprint De-Identification Using Diffusion Model for High-Quality and Diverse Synthesis" (arXiv
2504.08272),
eq. 3 and 4. Standard deviations are of the population (ddof 0).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from deidkit.errors import NotComputable
from deidkit.scores import Distribution

_NEAR_ZERO = 1e-12
"""Largest difference of an AUC from 1/2 that counts as none."""


@dataclass(frozen=True, slots=True)
class DeidRatio:
    """The De-identification Ratio with its two factors.

    Attributes:
        ratio: mean_shift x spread_factor; 1 is as distant as impostors, 0 or less no more distant than genuine samples.
        mean_shift: (mu_g - mu_d) / (mu_g - mu_i).
        spread_factor: sqrt(s_g^2 + s_i^2) / sqrt(s_g^2 + s_d^2).
    """

    ratio: float
    mean_shift: float
    spread_factor: float


def d_prime(first: Distribution, second: Distribution) -> float:
    """Decidability index (eq. 3): |mu1 - mu2| / sqrt((s1^2 + s2^2) / 2).

    Raises:
        NotComputable: One distribution is empty, or both have zero variance.

    >>> import numpy as np
    >>> round(d_prime(Distribution.of(np.array([2.0, 4.0])), Distribution.of(np.array([0.0, 2.0]))), 3)
    2.0
    """
    _need(first, second)
    pooled = math.sqrt((first.std**2 + second.std**2) / 2)
    if pooled == 0.0:
        raise NotComputable("Neither of the two kinds of scores varies.", "Use more samples.")
    return abs(first.mean - second.mean) / pooled


def deid_ratio(genuine: Distribution, impostor: Distribution, deidentified: Distribution) -> DeidRatio:
    """Signed De-identification Ratio (eq. 4).

    Raises:
        NotComputable: A kind of scores is empty, the recognizer does not distinguish identities (mu_g >= mu_i), or
            neither genuine nor de-identified scores vary.

    >>> import numpy as np
    >>> g, i = Distribution.of(np.array([.1, .3])), Distribution.of(np.array([.7, .9]))
    >>> deid_ratio(g, i, i).ratio
    1.0
    """
    _need(genuine, impostor, deidentified)
    distance = genuine.mean - impostor.mean
    if distance >= 0.0:
        raise NotComputable(
            "Genuine scores are on average no smaller than impostor scores: the recognizer does not distinguish "
            "identities on these data.",
            "Use a recognizer that does; if the scores are similarities, say so.",
        )
    spread = math.sqrt(genuine.std**2 + deidentified.std**2)
    if spread == 0.0:
        raise NotComputable("Neither genuine nor de-identified scores vary.", "Use more samples.")
    mean_shift = (genuine.mean - deidentified.mean) / distance
    spread_factor = math.sqrt(genuine.std**2 + impostor.std**2) / spread
    return DeidRatio(mean_shift * spread_factor, mean_shift, spread_factor)


def auc(lower: Distribution, higher: Distribution) -> float:
    """Probability, in 0..1, that a score of `lower` is below one of `higher`; ties count half.

    Raises:
        NotComputable: One distribution is empty.
    """
    _need(lower, higher)
    few, many = (lower, higher) if len(lower.order) <= len(higher.order) else (higher, lower)
    below, at_most = many.around(few.values)
    pairs = lower.total * higher.total
    won = float(np.dot((below + at_most) / 2, few.weights))
    return won / pairs if few is higher else (pairs - won) / pairs


def rank_based_deid_ratio(genuine: Distribution, impostor: Distribution, deidentified: Distribution) -> float:
    """Rank-based variant of the De-identification Ratio: (AUC(g, d) - 1/2) / (AUC(g, i) - 1/2).

    Invariant under monotonic transformations of the scores. 1 is as far as impostors, 0 as close as genuine samples.

    Raises:
        NotComputable: A kind is empty, or the recognizer does not distinguish identities.
    """
    reference = auc(genuine, impostor) - 0.5
    if reference <= _NEAR_ZERO:
        raise NotComputable(
            "Genuine and impostor scores are in no order: the recognizer does not distinguish identities.",
            "Use a recognizer that does.",
        )
    return (auc(genuine, deidentified) - 0.5) / reference


def _need(*distributions: Distribution) -> None:
    if any(distribution.total <= 0 for distribution in distributions):
        raise NotComputable("There are no scores of one kind.", "Use more samples or more identities.")
