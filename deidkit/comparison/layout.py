"""In which order two sets of templates are compared: in stripes of whole identities, whole or sampled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from deidkit.comparison.pairs import Templates

_LANES = 32
"""Blocks are multiples of it but for the last: so many references are compared side by side."""

OWN_ROWS = 64
"""Probes whose distances to their own identities are found at once: few, because all are compared with all there."""


@dataclass(frozen=True)
class Stripe:
    """Successive probes with the references that they are compared with.

    Attributes:
        rows: The probes, whole identities of them.
        columns: The references, in ascending ranges of whole identities.
    """

    rows: slice
    columns: tuple[slice, ...]

    def blocks(self, scores: int) -> Iterator[slice]:
        """Ranges of references that make about so many scores with the probes.

        Where the probes are among the references, they are a block: a product of a matrix with itself takes half the
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
    """Two sets of templates, each identity's in succession, and the stripes in which they are compared.

    Attributes:
        gallery: The references; the probes themselves where a set is compared with itself.
        within: Whether it is; each two are compared once then (i < j).
        places: (p,) int64 where each probe stood before.
        own: (2, p) int64 the first reference of each probe's identity and the one behind its last.
        ends: (g,) int64 the reference behind the last of each one's identity.
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
        """Every probe with every reference, or every two probes once.

        A stripe has `rows` probes, more only where one identity has more.
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
        """Two sets that are arranged by identity, as yet without stripes."""
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
        """Stripes with the references of the probes' own identities, and as few others as may be."""
        if self.within:
            return [Stripe(rows, (rows,)) for rows in _stripes(self.probes, OWN_ROWS)]
        found = []
        for rows in _stripes(self.probes, OWN_ROWS):
            columns: list[slice] = []
            for start, stop in np.unique(self.own[:, rows], axis=1).T.tolist():
                if columns and columns[-1].stop == start:  # those of the identity before end here
                    columns[-1] = slice(columns[-1].start, stop)
                elif stop > start:
                    columns.append(slice(start, stop))
            if columns:
                found.append(Stripe(rows, tuple(columns)))
        return found

    def in_stripes(self, stripes: list[Stripe]) -> Layout:
        """The same in other stripes."""
        return replace(self, stripes=stripes)


def arranged(templates: Templates, rank: NDArray[np.int64] | None = None) -> tuple[Templates, NDArray[np.int64]]:
    """Bring the templates of each identity together, in the order in which identities first occur.

    Args:
        templates: The templates.
        rank: (largest subject + 1,) order of the subjects that comes before; None for none.

    Returns:
        The templates, and (n,) int64 where each stood before.
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
    """Where runs of equal labels begin and end."""
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
