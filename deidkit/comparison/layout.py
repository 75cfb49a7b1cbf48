"""Order of the comparisons of two sets of templates: stripes of whole identities, complete or sampled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from deidkit.comparison.pairs import Templates

_LANES = 32
"""Block sizes are multiples of this number of references, which are compared side by side, except for the last."""

OWN_ROWS = 64
"""Probes per stripe in the search for own identities: few, because each is compared with the others' references."""


@dataclass(frozen=True)
class Stripe:
    """Consecutive probes and the references they are compared with.

    Attributes:
        rows: The probes, whole identities of them.
        columns: The references, in ascending ranges of whole identities.
    """

    rows: slice
    columns: tuple[slice, ...]

    def blocks(self, scores: int) -> Iterator[slice]:
        """Yield ranges of references with about `scores` scores each.

        If the probes are among the references, they form a block: the product of a matrix with itself takes half the
        time.
        """
        size = self.rows.stop - self.rows.start
        width = max(1, scores // size)
        width -= width % _LANES if width > _LANES else 0
        for part in self.columns:
            left = part.start
            while left < part.stop:
                square = left == self.rows.start and size * size <= scores
                right = self.rows.stop if square else left + width
                yield slice(left, right := min(right, part.stop))
                left = right


@dataclass(frozen=True)
class Layout:
    """Two sets of templates, sorted by identity, and the stripes of their comparison.

    Attributes:
        gallery: The references; the probes themselves if a set is compared with itself.
        within: Whether a set is compared with itself; each pair is then compared once (i < j).
        places: (p,) int64 original position of each probe.
        own: (2, p) int64 first and last (exclusive) reference of each probe's identity.
        ends: (g,) int64 end (exclusive) of each reference's identity.
    """

    probes: Templates
    gallery: Templates
    within: bool
    places: NDArray[np.int64]
    own: NDArray[np.int64]
    ends: NDArray[np.int64]
    stripes: list[Stripe]

    @classmethod
    def of(cls, probes: Templates, references: Templates | None, *, rows: int) -> Layout:
        """Compare every probe with every reference, or every pair of probes once.

        A stripe has `rows` probes, or those of one identity if it has more.
        """
        layout = cls.arranged(*arranged(probes), None if references is None else arranged(references)[0])
        everything = len(layout.gallery)
        stripes = [
            Stripe(part, (slice(part.start if layout.within else 0, everything),))
            for part in _stripes(layout.probes, rows)
        ]
        return layout.in_stripes(stripes)

    @classmethod
    def arranged(cls, probes: Templates, places: NDArray[np.int64], references: Templates | None) -> Layout:
        """Two sets sorted by identity, without stripes."""
        gallery = probes if references is None else references
        starts, stops = _runs(gallery.identities)
        own = np.zeros((2, len(probes)), dtype=np.int64)
        if len(starts):
            names = gallery.identities[starts]
            by_name = np.argsort(names)
            run = by_name[np.minimum(np.searchsorted(names[by_name], probes.identities), len(names) - 1)]
            known = names[run] == probes.identities
            own = np.where(known, np.stack([starts[run], stops[run]]), 0)
        return cls(probes, gallery, references is None, places, own, np.repeat(stops, stops - starts), [])

    def own_stripes(self) -> list[Stripe]:
        """Stripes with the references of the probes' own identities, and as few others as possible."""
        if self.within:
            return [Stripe(rows, (rows,)) for rows in _stripes(self.probes, OWN_ROWS)]
        found = []
        for rows in _stripes(self.probes, OWN_ROWS):
            columns: list[slice] = []
            for start, stop in np.unique(self.own[:, rows], axis=1).T.tolist():
                if columns and columns[-1].stop == start:  # adjacent to those of the previous identity
                    columns[-1] = slice(columns[-1].start, stop)
                elif stop > start:
                    columns.append(slice(start, stop))
            if columns:
                found.append(Stripe(rows, tuple(columns)))
        return found

    def in_stripes(self, stripes: list[Stripe]) -> Layout:
        """The same layout with other stripes."""
        return replace(self, stripes=stripes)


def arranged(templates: Templates, rank: NDArray[np.int64] | None = None) -> tuple[Templates, NDArray[np.int64]]:
    """Sort templates by identity, in the order in which identities first occur.

    Args:
        templates: The templates.
        rank: (largest subject + 1,) primary sort key by subject; None for none.

    Returns:
        The templates, and (n,) int64 original position of each.
    """
    identities = templates.identities
    _, first, numbers = np.unique(identities, return_index=True, return_inverse=True)
    if rank is None and len(first) == len(_runs(identities)[0]):
        return templates, np.arange(len(identities))
    of_subject = np.zeros(len(identities)) if rank is None else rank[templates.subjects]
    order = np.lexsort((first[numbers], of_subject))
    labels = (templates.identities[order], templates.subjects[order], templates.sources[order])
    if templates.starts is None:
        return Templates(templates.data[order], *labels), order
    sizes = np.diff(templates.starts)[order]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    rows = np.repeat(templates.starts[order] - starts[:-1], sizes) + np.arange(starts[-1])
    return Templates(templates.data[rows], *labels, starts), order


def _runs(labels: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Starts and ends of runs of equal labels."""
    starts = np.flatnonzero(np.concatenate([[True], labels[1:] != labels[:-1]])) if len(labels) else np.zeros(0, int)
    return starts, np.append(starts[1:], len(labels))[: len(starts)]


def _stripes(probes: Templates, rows: int) -> Iterator[slice]:
    start = stop = 0
    for end in _runs(probes.identities)[1].tolist():
        if end - start > rows and stop > start:
            yield slice(start, stop)
            start = stop
        stop = end
    if stop > start:
        yield slice(start, stop)
