"""Scores of an attack: distances of probes to a gallery, in the forms that metrics need."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from deidkit.attacks.labels import Labels
from deidkit.result import PooledPoint
from deidkit.scores import Identification, Scores


@dataclass(frozen=True)
class AttackScores:
    """Distances of every probe to every reference.

    Attributes:
        distances: (p, g) float32, finite; lower means more similar.
        within: Whether probes and references are the same pictures, in the same order: none is compared with itself.
        note: Remark for the report, e.g. what was selected or learned; one clause, or empty.
        curve: For an attacker that pools copies, success by number of pooled copies.

    Raises:
        ValueError: The shapes do not fit, or a distance is not finite.
    """

    distances: NDArray[np.float32]
    probes: Labels
    references: Labels
    within: bool = False
    note: str = ""
    curve: tuple[PooledPoint, ...] = ()

    def __post_init__(self) -> None:
        if self.distances.shape != (len(self.probes), len(self.references)):
            raise ValueError(
                f"distances of shape {self.distances.shape} for {len(self.probes)} probes and "
                f"{len(self.references)} references"
            )
        if not np.isfinite(self.distances).all():
            raise ValueError("distances must be finite")

    @cached_property
    def identities(self) -> NDArray[np.int32]:
        """(i,) identities in the gallery, ascending."""
        return np.unique(self.references.identities).astype(np.int32)

    def by_identity(self, *, without_source: bool) -> NDArray[np.float64]:
        """Distance of each probe to each identity: the minimum over its references.

        Args:
            without_source: Whether references from the probe's own original are excluded.

        Returns:
            (p, i) float64 in the order of `identities`; infinite if no reference is left.
        """
        allowed = self._compared()
        if without_source:
            allowed &= self.probes.sources[:, None] != self.references.sources[None]
        distances = np.where(allowed, self.distances.astype(np.float64), np.inf)
        order = np.argsort(self.references.identities, kind="stable")
        starts = np.searchsorted(self.references.identities[order], self.identities)
        return np.asarray(np.minimum.reduceat(distances[:, order], starts, axis=1))

    def searched(self, *, without_source: bool) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]:
        """The probes that have a reference of their identity.

        Returns:
            (q, i) float64 distances to each identity, (q,) the column of the own one, (q,) the rows of the probes.
        """
        distances = self.by_identity(without_source=without_source)
        own = np.minimum(np.searchsorted(self.identities, self.probes.identities), len(self.identities) - 1)
        known = self.identities[own] == self.probes.identities
        known &= np.isfinite(distances[np.arange(len(own)), own])
        rows = np.flatnonzero(known)
        return distances[rows], own[rows], rows

    def identification(self, *, without_source: bool) -> Identification:
        """Closed-set search of each probe; see `deidkit.scores.Identification`."""
        distances, own, rows = self.searched(without_source=without_source)
        places = np.arange(len(rows))
        to_own = distances[places, own]
        distances[places, own] = np.inf
        return Identification(
            better=(distances < to_own[:, None]).sum(axis=1).astype(np.int32),
            ties=(distances == to_own[:, None]).sum(axis=1).astype(np.int32),
            subjects=self.probes.subjects[rows],
            gallery_identities=len(self.identities),
        )

    def same_source(self) -> Scores:
        """Comparisons of pictures from one original."""
        return self._kind(self._same_source)

    def same_identity(self) -> Scores:
        """Comparisons of one identity, from different originals."""
        return self._kind(self._same_identity & ~self._same_source)

    def different_identity(self) -> Scores:
        """Comparisons of two identities."""
        return self._kind(~self._same_identity)

    @property
    def _same_source(self) -> NDArray[np.bool_]:
        return np.asarray(self.probes.sources[:, None] == self.references.sources[None])

    @property
    def _same_identity(self) -> NDArray[np.bool_]:
        return np.asarray(self.probes.identities[:, None] == self.references.identities[None])

    def _compared(self) -> NDArray[np.bool_]:
        compared = np.ones(self.distances.shape, dtype=bool)
        if self.within:
            np.fill_diagonal(compared, False)
        return compared

    def _kind(self, selected: NDArray[np.bool_]) -> Scores:
        selected = selected & (np.triu(self._compared(), 1) if self.within else True)
        rows, columns = np.nonzero(selected)
        return Scores(self.distances[rows, columns], self.probes.subjects[rows], self.references.subjects[columns])
