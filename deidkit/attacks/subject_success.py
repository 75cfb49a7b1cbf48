"""Success of an attack by person, and tests against chance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidkit.attacks.success import Success

SHARES = (1.0, 0.5)
"""Tested shares of a person's copies; more of them would cost power with few people."""

MOST_NAMED = 5

LEVEL = 0.05
"""Family-wise error rate of naming anybody who is found only by chance."""


@dataclass(frozen=True)
class SubjectSuccess:
    """How often each person is re-identified by the strongest attack.

    Attributes:
        subjects: (s,) int32 subject numbers, ascending.
        shares: (s,) share of each subject's copies found at rank 1, 0..1, ties by expectation.
        beyond_chance: Least share that more people reach than by chance; None if there is none.
    """

    subjects: NDArray[np.int32]
    shares: NDArray[np.float64]
    beyond_chance: float | None

    @property
    def always(self) -> int:
        """Number of subjects all of whose copies are found."""
        return int((self.shares >= 1 - 1e-9).sum())

    @property
    def never(self) -> int:
        """Number of subjects none of whose copies is found."""
        return int((self.shares <= 1e-9).sum())

    @property
    def sometimes(self) -> int:
        """Number of subjects some of whose copies are found."""
        return len(self.subjects) - self.always - self.never

    def worst(self) -> list[tuple[int, float]]:
        """Number and share of the subjects found most often; empty if none exceeds chance."""
        if self.beyond_chance is None:
            return []
        order = np.argsort(-self.shares, kind="stable")[:MOST_NAMED]
        least = self.beyond_chance - 1e-9
        return [(int(self.subjects[at]), float(self.shares[at])) for at in order if self.shares[at] >= least]


def subject_success(searches: Mapping[str, Success], chosen: str, seed: int = 0) -> SubjectSuccess:
    """The people of one attack against what chance gives the luckiest of all attacks.

    Counted is how many people are found in at least some share of their copies, for each of `SHARES`; chance is how
    many the luckiest attack finds so often where identities are shuffled among the people, as `Success.by_chance`
    deals them. The least share counts at which as many are found by chance with a probability of `LEVEL` at most,
    corrected for the number of shares (Westfall and Young, 1993, by minima of p).
    """
    shares = searches[chosen].share_by_subject
    observed = _people(shares[None])[0]
    chance = np.max([_people(search.shares_by_chance(seed)) for search in searches.values()], axis=0)
    p_values = (1 + (chance >= observed).sum(axis=0)) / (1 + len(chance))
    ordered = np.sort(chance, axis=0)
    of_deals = np.stack(
        [1 - np.searchsorted(ordered[:, at], chance[:, at], side="left") / len(chance) for at in range(len(SHARES))]
    )
    luckiest = of_deals.min(axis=0)
    counted = [share for share, p in zip(SHARES, p_values, strict=True) if (luckiest <= p).mean() <= LEVEL]
    return SubjectSuccess(np.unique(searches[chosen].subjects), shares, min(counted, default=None))


def _people(shares: NDArray[np.float64]) -> NDArray[np.intp]:
    """(d, s) shares -> (d, len(SHARES)) number of people with at least each share."""
    return np.stack([(shares >= share - 1e-9).sum(axis=1) for share in SHARES], axis=1)
