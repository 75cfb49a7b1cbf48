"""Closed-set search: number of other identities that are closer to a probe than its own.

Distances to own identities are computed first. Then each block of scores shows immediately, for its probes and, within
one set, also for its references, which other identities are closer: each pair is compared once, and only two counts
per probe are stored.
"""

from __future__ import annotations

from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidkit.comparison.layout import Layout
from deidkit.scores import Identification


class Search:
    """Search of every probe in the gallery, block by block, under both gallery policies.

    Each thread has its own `SearchPart`.

    Attributes:
        wanted: (2, p) distance of each probe to its own identity, with and without its own source; minus infinity
            if no reference is left.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        count = len(layout.probes)
        self.wanted = np.full((2, count), np.inf)
        self._better = np.zeros((2, count), dtype=np.int32)
        self._ties = np.zeros((2, count), dtype=np.int32)
        self._lock = Lock()

    def find_own(self, rows: slice, columns: slice, scores: NDArray[np.floating]) -> None:
        """Process a block of comparisons with references of the probes' own identities, before all others."""
        from deidkit.comparison.search_kernels import own_distances

        layout = self.layout
        found = np.array(self.wanted[:, rows])
        own_distances(
            scores,
            columns.start - rows.start,
            layout.within,
            layout.own[:, rows] - columns.start,
            np.array(layout.probes.sources[rows]),  # copies: loops would be compiled again for read-only arrays
            np.array(layout.gallery.sources[columns]),
            found,
        )
        self.wanted[:, rows] = found

    def own_found(self) -> None:
        """Mark the distances to own identities as complete."""
        self.wanted[np.isinf(self.wanted)] = -np.inf

    def part(self) -> SearchPart:
        """Create a part for one thread."""
        return SearchPart(self)

    def merge(self, better: NDArray[np.int32], ties: NDArray[np.int32]) -> None:
        """Merge the counts of one thread or another process."""
        with self._lock:
            self._better += better
            self._ties += ties

    def state(self) -> dict[str, NDArray[np.int32]]:
        """Counts for a checkpoint."""
        return {"better": self._better, "ties": self._ties}

    def restore(self, state: dict[str, NDArray[np.int32]]) -> None:
        """Restore a checkpoint of the same comparison."""
        self._better, self._ties = state["better"].copy(), state["ties"].copy()

    def identification(self, *, without_source: bool) -> Identification:
        """The search under one gallery policy; probes without a reference of their identity are left out."""
        policy, before = int(without_source), np.argsort(self.layout.places)
        searched = np.isfinite(self.wanted[policy])[before]
        return Identification(
            better=self._better[policy, before][searched],
            ties=self._ties[policy, before][searched],
            subjects=self.layout.probes.subjects[before][searched],
            gallery_identities=len(np.unique(self.layout.gallery.identities)),
        )


class SearchPart:
    """Counts of one thread that are not merged yet."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._better = np.zeros_like(search._better)
        self._ties = np.zeros_like(search._ties)
        self._open = np.empty(0)
        self._wanted: NDArray[Any] = search.wanted

    def begin(self, rows: slice) -> None:
        """Start a stripe, whose blocks follow from left to right."""
        self._open = np.full(rows.stop - rows.start, np.inf)

    def add(self, rows: slice, columns: slice, scores: NDArray[np.floating]) -> None:
        """Process a block; all blocks have the same dtype."""
        from deidkit.comparison.search_kernels import rank_probes, rank_references

        layout = self._search.layout
        if self._wanted.dtype.kind == "f":
            self._wanted = _like(scores, self._wanted)
        corner, own, counted = (rows.start, columns.start), layout.own, (self._wanted, self._better, self._ties)
        rank_probes(scores, corner, layout.within, own, layout.ends, self._open, *counted)
        if layout.within:
            rank_references(scores, corner, own, *counted)

    def flush(self) -> None:
        """Merge the counts into the search."""
        self._search.merge(self._better, self._ties)
        self._better[:], self._ties[:] = 0, 0


def _like(scores: NDArray[Any], wanted: NDArray[np.floating]) -> NDArray[Any]:
    """Distances to own identities as numbers of the kind of the scores; steps are signed here, so that none is -1."""
    if scores.dtype.kind == "f":
        return wanted.astype(scores.dtype, copy=False)
    return np.where(np.isfinite(wanted), wanted, -1).astype(np.int32)
