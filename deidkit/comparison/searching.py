"""Closed-set search: how many other identities stand closer to a probe than its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidkit.comparison.pairs import Templates
from deidkit.scores import Identification


class Search:
    """Keeps, for the probes of one row of blocks at a time, the smallest distance to each identity."""

    def __init__(self, probes: Templates, gallery: Templates, *, within: bool) -> None:
        self._probes, self._gallery, self._within = probes, gallery, within
        names, self._numbers = np.unique(gallery.identities, return_inverse=True)
        self._numbers = self._numbers.astype(np.int64)
        self._own = np.searchsorted(names, probes.identities)
        known = self._own < len(names)
        known[known] = names[self._own[known]] == probes.identities[known]
        self._own[~known] = -1
        self._identities = len(names)
        count = len(probes.data)
        self._better = np.full((2, count), -1, dtype=np.int32)
        self._ties = np.zeros((2, count), dtype=np.int32)
        self._rows: slice | None = None
        self._smallest: NDArray[np.float64] = np.empty((0, 0))
        self._own_without_source: NDArray[np.float64] = np.empty(0)

    def add(self, rows: slice, columns: slice, scores: NDArray[np.float64]) -> None:
        """Take a block; the blocks of one row must come one after the other."""
        from deidkit.comparison import kernels

        if self._rows != rows:
            self._settle()
            self._rows = rows
            count = rows.stop - rows.start
            self._smallest = np.full((count, self._identities), np.inf)
            self._own_without_source = np.full(count, np.inf)
        kernels.nearest(
            scores,
            self._numbers[columns],
            self._own[rows],
            self._probes.sources[rows],
            self._gallery.sources[columns],
            rows.start,
            columns.start,
            self._within,
            self._smallest,
            self._own_without_source,
        )

    def _settle(self) -> None:
        if self._rows is None:
            return
        own = self._own[self._rows]
        places = np.arange(len(own))
        mated = np.where(own >= 0, self._smallest[places, own], np.inf)
        others = self._smallest.copy()
        others[places[own >= 0], own[own >= 0]] = np.inf
        for policy, distance in enumerate((mated, self._own_without_source)):
            reached = np.isfinite(distance)
            better = (others < distance[:, None]).sum(axis=1)
            ties = (others == distance[:, None]).sum(axis=1)
            self._better[policy, self._rows] = np.where(reached, better, -1)
            self._ties[policy, self._rows] = np.where(reached, ties, 0)
        self._rows = None

    def finish(self, *, without_source: bool) -> Identification:
        """The search under one gallery policy; probes with no reference of their identity are left out."""
        self._settle()
        policy = int(without_source)
        searched = self._better[policy] >= 0
        return Identification(
            better=self._better[policy][searched],
            ties=self._ties[policy][searched],
            subjects=self._probes.subjects[searched],
            gallery_identities=self._identities,
        )
