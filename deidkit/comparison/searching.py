"""Closed-set search: how many other identities stand closer to a probe than its own."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from deidkit.comparison.pairs import Templates
from deidkit.scores import Identification

MIRROR_BYTES = 64 * 2**20
"""Up to this size the distances of all probes to all identities are kept, so that one comparison serves two probes."""


@dataclass(frozen=True)
class Nearest:
    """Smallest distances of some probes so far.

    Attributes:
        smallest: (p, identities) float64, to each identity.
        own_without_source: (p,) float64, to the own identity without the references of the own source.
    """

    smallest: NDArray[np.float64]
    own_without_source: NDArray[np.float64]

    @classmethod
    def of(cls, probes: int, identities: int) -> Nearest:
        """Nothing found yet."""
        return cls(np.full((probes, identities), np.inf), np.full(probes, np.inf))

    def rows(self, rows: slice) -> Nearest:
        """Those of some of the probes; a view."""
        return Nearest(self.smallest[rows], self.own_without_source[rows])


class Search:
    """Searches every probe in the gallery while blocks of scores come in, under both gallery policies.

    Where a set is searched in itself and the result fits, each pair is compared once and serves both probes
    (`mirrored`); else all comparisons of a probe are made in its row, and only that row's distances are kept.
    """

    def __init__(self, probes: Templates, gallery: Templates, *, within: bool, block: int) -> None:
        self._probes, self._sources, self._within, self._block = probes, gallery.sources, within, block
        names, numbers = np.unique(gallery.identities, return_inverse=True)
        self._numbers = numbers.astype(np.int64)
        self._identities = len(names)
        known = np.isin(probes.identities, names)
        self._own = np.where(known, np.searchsorted(names, probes.identities), -1).astype(np.int64)
        count = len(probes)
        self._better = np.full((2, count), -1, dtype=np.int32)
        self._ties = np.zeros((2, count), dtype=np.int32)
        self.mirrored = within and count * self._identities * 8 <= MIRROR_BYTES
        self._all = Nearest.of(count, self._identities) if self.mirrored else Nearest.of(0, 0)
        self._locks = [Lock() for _ in range(0, count, block)]

    def open(self, rows: slice) -> Nearest:
        """Begin a row of blocks."""
        if self.mirrored:
            return self._all.rows(rows)
        return Nearest.of(rows.stop - rows.start, self._identities)

    def add(self, row: Nearest, rows: slice, columns: slice, scores: NDArray[np.float64]) -> None:
        """Take a block of a row that is open."""
        if not self.mirrored:
            self._keep(row, rows, columns, scores, side=0 if self._within else 2)
            return
        with self._locks[rows.start // self._block]:
            self._keep(row, rows, columns, scores, side=1)
        start = columns.start
        while start < columns.stop:
            lock = start // self._block
            part = slice(start, min((lock + 1) * self._block, columns.stop))
            turned = np.ascontiguousarray(scores[:, part.start - columns.start : part.stop - columns.start].T)
            with self._locks[lock]:
                self._keep(self._all.rows(part), part, rows, turned, side=-1)
            start = part.stop

    def _keep(self, row: Nearest, rows: slice, columns: slice, scores: NDArray[np.float64], *, side: int) -> None:
        from deidkit.comparison.pair_kernels import nearest

        nearest(
            scores,
            columns.start - rows.start,
            side,
            self._probes.sources[rows],
            self._own[rows],
            self._sources[columns],
            self._numbers[columns],
            row.smallest,
            row.own_without_source,
        )

    def close(self, row: Nearest, rows: slice) -> None:
        """End a row of blocks: rank its probes, unless later rows still add to them."""
        if not self.mirrored:
            self._rank(row, rows)

    def _rank(self, row: Nearest, rows: slice) -> None:
        own = self._own[rows]
        known = np.flatnonzero(own >= 0)
        with_source = np.full(len(own), np.inf)
        with_source[known] = row.smallest[known, own[known]]
        row.smallest[known, own[known]] = np.inf  # what is left are the others
        for policy, distance in enumerate((with_source, row.own_without_source)):
            searched = np.isfinite(distance)
            better = (row.smallest < distance[:, None]).sum(axis=1)
            ties = (row.smallest == distance[:, None]).sum(axis=1)
            self._better[policy, rows] = np.where(searched, better, -1)
            self._ties[policy, rows] = np.where(searched, ties, 0)

    def finish(self) -> None:
        """Rank what later rows could still have added to."""
        if self.mirrored:
            for start in range(0, len(self._probes), self._block):
                rows = slice(start, min(start + self._block, len(self._probes)))
                self._rank(self._all.rows(rows), rows)

    def identification(self, *, without_source: bool) -> Identification:
        """The search under one gallery policy; probes without a reference of their identity are left out."""
        policy = int(without_source)
        searched = self._better[policy] >= 0
        return Identification(
            better=self._better[policy, searched],
            ties=self._ties[policy, searched],
            subjects=self._probes.subjects[searched],
            gallery_identities=self._identities,
        )
