"""In which order two sets of templates are compared: in stripes of whole identities, whole or sampled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidkit.comparison.pairs import Templates


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
        """Ranges of references that make about so many scores with the probes."""
        width = max(1, scores // (self.rows.stop - self.rows.start))
        for part in self.columns:
            for left in range(part.start, part.stop, width):
                yield slice(left, min(left + width, part.stop))


@dataclass(frozen=True)
class Layout:
    """Two sets of templates, each identity's in succession, and the stripes in which they are compared.

    Attributes:
        probes: The probes.
        gallery: The references; the probes themselves where a set is compared with itself.
        within: Whether it is; each two are compared once then (i < j).
        places: (p,) int64 where each probe stood before.
        own: (2, p) int64 the first reference of each probe's identity and the one behind its last.
        ends: (g,) int64 the reference behind the last of each one's identity.
        stripes: The stripes.
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

        Args:
            probes: The probes.
            references: The references; None to compare the probes with one another.
            rows: Probes in a stripe, more only where one identity has more.
        """
        probes, places = grouped(probes)
        gallery = probes if references is None else grouped(references)[0]
        starts, stops = _runs(gallery.identities)
        names = gallery.identities[starts]
        by_name = np.argsort(names)
        found = np.searchsorted(names[by_name], probes.identities) if len(names) else np.zeros(len(probes), np.int64)
        run = by_name[np.minimum(found, len(names) - 1)] if len(names) else found
        known = names[run] == probes.identities if len(names) else np.zeros(len(probes), bool)
        own = np.where(known, np.stack([starts[run], stops[run]]) if len(names) else 0, 0)
        within = references is None
        stripes = [Stripe(part, (slice(part.start if within else 0, len(gallery)),)) for part in _stripes(probes, rows)]
        return cls(probes, gallery, within, places, own, np.repeat(stops, stops - starts), stripes)


def grouped(templates: Templates) -> tuple[Templates, NDArray[np.int64]]:
    """Bring the templates of each identity together, in the order in which identities first occur.

    Returns:
        The templates, and (n,) int64 where each stood before.
    """
    identities = templates.identities
    _, first, numbers = np.unique(identities, return_index=True, return_inverse=True)
    if len(first) == len(_runs(identities)[0]):
        return templates, np.arange(len(identities))
    order = np.argsort(first[numbers], kind="stable")
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
