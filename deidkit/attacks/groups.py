"""Success of an attack by group of people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from deidkit.attacks.success import Success
from deidkit.measures.bounds import mean_bounds
from deidkit.result import Estimate, GroupFound

MOST_VALUES = 12
"""Largest number of distinct values of a grouping column, which excludes names and dates."""

FEWEST = 5
"""Least number of people in a reported group: smaller ones would reveal individuals."""


def group_success(success: Success, columns: Mapping[str, Sequence[str | None]]) -> list[GroupFound]:
    """Success by group, for every column with 2 to `MOST_VALUES` values.

    Args:
        success: The search of an attack.
        columns: Column -> value of each original by the number of its capture; None if unknown.
    """
    found = []
    for column, of_source in columns.items():
        values = [of_source[source] for source in success.sources]
        distinct = sorted({value for value in values if value is not None})
        if 2 <= len(distinct) <= MOST_VALUES:
            for value in distinct:
                rows = np.array([here == value for here in values])
                people = success.subjects[rows]
                rate = _rate(people, success.hits[rows], success.identities)
                subjects = len(np.unique(people))
                found.append(GroupFound(column=column, value=value, subjects=subjects, rank_1_percent=rate))
    return found


def _rate(people: NDArray[np.int32], hits: NDArray[np.float64], identities: int) -> Estimate:
    _, numbers, counts = np.unique(people, return_inverse=True, return_counts=True)
    if len(counts) < FEWEST:
        return Estimate(
            value=None,
            unit="percent",
            safer="lower",
            reason=f"The group has {len(counts)} people, too few to report the group without reporting individuals.",
            remedy=f"Use at least {FEWEST} people of it.",
        )
    shares = np.bincount(numbers, weights=hits) / counts
    low, high = mean_bounds(shares, counts)
    return Estimate(
        value=100 * float(hits.mean()),
        unit="percent",
        safer="lower",
        low=100 * low,
        high=100 * high,
        interval=f"95 % exact bound over {len(counts)} subjects (Gaffke), two-sided",
        subjects=len(counts),
        comparisons=len(hits),
        parameters={"gallery_identities": identities, "chance_percent": 100 / identities},
    )
