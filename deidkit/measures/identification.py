"""Closed-set identification: rank-k rate and CMC curve."""

from __future__ import annotations

import numpy as np

from deidkit.errors import NotComputable
from deidkit.result import Curve
from deidkit.scores import Identification

MAX_RANK = 50


def identification_rate(identification: Identification, rank: int = 1) -> float:
    """Share, in 0..1, of probes whose own identity is among the `rank` closest; ties count by expectation.

    Raises:
        NotComputable: No probe was searched, or the gallery holds only one identity.
    """
    if identification.better.size == 0:
        raise NotComputable(
            "No probe has a reference of its own identity in the gallery.", "Use two or more samples of an identity."
        )
    if identification.gallery_identities < 2:
        raise NotComputable("The gallery holds a single identity.", "Use a data set with several identities.")
    hits = identification.hit_probability(rank)
    return float(np.dot(hits, np.ones(len(hits))) / len(hits))


def cmc_curve(identification: Identification) -> Curve:
    """CMC: identification rate in percent (y) against rank (x), up to `MAX_RANK`; empty if nothing was searched."""
    if identification.better.size == 0:
        return Curve(x=[], y=[])
    ranks = range(1, min(MAX_RANK, identification.gallery_identities) + 1)
    return Curve(
        x=[float(rank) for rank in ranks],
        y=[100.0 * float(identification.hit_probability(rank).mean()) for rank in ranks],
    )
