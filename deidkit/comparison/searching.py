"""Closed-set search: how many other identities are closer to a probe than its own.

The distance to the own identity is found first. Then every block of scores says at once, for its probes and, in a set
that is compared with itself, for its references as well, which other identities are closer: each pair is compared once,
and nothing is kept but two counts a probe.
"""

from __future__ import annotations

from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidkit.comparison.layout import Layout
from deidkit.scores import Identification


class Search:
    """Searches every probe in the gallery while blocks of scores come in, under both gallery policies.

    Each thread fills a `SearchPart` of its own.

    Attributes:
        wanted: (2, p) distance of each probe to its own identity, with its own source and without it; minus infinity
            where no reference is left.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        count = len(layout.probes)
        self.wanted = np.full((2, count), np.inf)
        self._better = np.zeros((2, count), dtype=np.int32)
        self._ties = np.zeros((2, count), dtype=np.int32)
        self._lock = Lock()

    def find_own(self, rows: slice, columns: slice, scores: NDArray[np.floating]) -> None:
        """Take a block of comparisons of probes with references of their own identities, before all others."""
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
        """Note that the distances to the own identities are complete."""
        self.wanted[np.isinf(self.wanted)] = -np.inf

    def part(self) -> SearchPart:
        """A part for one thread."""
        return SearchPart(self)

    def merge(self, better: NDArray[np.int32], ties: NDArray[np.int32]) -> None:
        """Take what one thread or another process has counted."""
        with self._lock:
            self._better += better
            self._ties += ties

    def state(self) -> dict[str, NDArray[np.int32]]:
        """All that was counted, for a checkpoint."""
        return {"better": self._better, "ties": self._ties}

    def restore(self, state: dict[str, NDArray[np.int32]]) -> None:
        """Go on from a checkpoint of the same comparison."""
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
    """What one thread has counted and not yet handed in."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._better = np.zeros_like(search._better)
        self._ties = np.zeros_like(search._ties)
        self._open = np.empty(0)
        self._wanted: NDArray[Any] = search.wanted

    def begin(self, rows: slice) -> None:
        """Begin a stripe, whose blocks come from left to right."""
        self._open = np.full(rows.stop - rows.start, np.inf)

    def add(self, rows: slice, columns: slice, scores: NDArray[np.floating]) -> None:
        """Take a block; all are floats of one kind."""
        from deidkit.comparison.search_kernels import rank_probes, rank_references

        layout = self._search.layout
        if self._wanted.dtype.kind == "f":
            self._wanted = _like(scores, self._wanted)
        corner, own, counted = (rows.start, columns.start), layout.own, (self._wanted, self._better, self._ties)
        rank_probes(scores, corner, layout.within, own, layout.ends, self._open, *counted)
        if layout.within:
            rank_references(scores, corner, own, *counted)

    def flush(self) -> None:
        """Hand in what was counted."""
        self._search.merge(self._better, self._ties)
        self._better[:], self._ties[:] = 0, 0


def _like(scores: NDArray[Any], wanted: NDArray[np.floating]) -> NDArray[Any]:
    """Distances to own identities as numbers of the kind of the scores; steps are signed here, so that none is -1."""
    if scores.dtype.kind == "f":
        return wanted.astype(scores.dtype, copy=False)
    return np.where(np.isfinite(wanted), wanted, -1).astype(np.int32)
