"""Marks by which the copies of a person can be known although no palm is: a code in their noise, a chosen property.

Both are told by comparing copies of one person with copies of two. What a copy takes over from its original, as light
and colour of the hand, says nothing of the engine: it is taken off first. The probability that two copies of one person
are the more alike is held against what it is where people are dealt out anew among the copies.

Measured on 20 drawn people x 3, ten kinds of honest copies reach a probability of 0.60 by any property; copies whose
brightness, noise, compression, palette, grain or size was chosen for each person one of 0.78 to 0.89.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from deidkit.leakage.fingerprints import Fingerprints, unit_rows
from deidkit.leakage.residuals import components, residuals, scaled
from deidkit.leakage.sketches import KINDS

TOLD_APART = 0.72
"""Least probability that two copies of one person are more alike by a property, or by noise, than two of two people."""

DEVIATIONS = 6.0
"""By how many standard deviations of deals it must lie above one half."""

COMMON = 0.2
"""Median correlation of the noise of two people from which what all copies share is taken off."""

LEAST_PEOPLE = 5
"""People with several copies by whom a mark is known."""

_DEALS = 200
_COMPARED = 600
"""Copies, drawn with a fixed seed, that are compared in pairs."""

_LEAST_BEFORE = 0.6
"""Least probability, as `TOLD_APART`, before anything is taken off: what a few copies alone have differs by person
afterwards as the originals do."""

WRITTEN = "how the file is written"

FOLLOWS = 0.2
"""Least correlation of how alike low bits or noise of two copies are with how alike their originals' levels are."""


@dataclass(frozen=True)
class Mark:
    """How well copies of one person are known by something.

    Attributes:
        name: By what.
        told_apart: Probability that two copies of one person are more alike than two of two people, 0..1; of what
            `follows` its originals the correlation.
        deviations: By how many standard deviations of deals it lies above one half; 0 where too few are told apart.
    """

    name: str
    told_apart: float
    deviations: float

    @property
    def certain(self) -> bool:
        """Whether it is no chance."""
        return self.told_apart >= TOLD_APART and self.deviations >= DEVIATIONS


def codes(copies: Fingerprints, rows: NDArray[np.int64], people: NDArray[np.int64], *, same_palm: bool) -> list[Mark]:
    """Which kinds of noise copies of one person share.

    Args:
        copies: The copies of one engine.
        rows: Those whose palm is another than the original's.
        people: (len(copies),) whose they are.
        same_palm: Whether all of them show one palm: then they differ by the outline of what was treated alone.
    """
    found = []
    for number, kind in enumerate(_CODES):
        sketched = copies.sketches(rows)[:, number]
        there = np.flatnonzero(sketched.any(axis=1))
        pairs = _Pairs.among(people[rows[there]])
        if pairs is None:
            continue
        scores = sketched[there[pairs.rows]]
        alike = scores @ scores.T
        other = alike[pairs.upper & (pairs.people[:, None] != pairs.people)]
        if float(np.median(other)) > COMMON:
            if same_palm or _outlines_differ(copies, rows):  # these alone tell people apart
                continue
            scores = unit_rows(scores - scores.mean(axis=0))
            alike = scores @ scores.T
        found.append(pairs.mark(kind, alike))
    return [mark for mark in found if mark.certain]


def follows(
    originals: Fingerprints, copies: Fingerprints, rows: NDArray[np.int64], people: NDArray[np.int64]
) -> list[Mark]:
    """Which kinds of noise were made of the originals by a key that is the same for all of them.

    A permutation of pixels, or a stream of random numbers added to them, leaves two pictures as alike as they were: so
    the copies of people are alike, in what is hidden, as their originals are.

    Args:
        originals: The originals of the copies of ``rows``, in the same order.
        copies: The copies of one engine.
        rows: Those whose palm is another than the original's.
        people: (len(copies),) whose they are.
    """
    pairs = _Pairs.among(people[rows])
    if pairs is None:
        return []
    chosen = rows[pairs.rows]
    apart = pairs.upper & (pairs.people[:, None] != pairs.people)
    levels = _likeness(originals.sketches(pairs.rows)[:, KINDS.index("levels")])[apart]
    found = []
    for number, kind in enumerate(_CODES):
        sketched = copies.sketches(chosen)[:, number]
        if float(np.median((sketched @ sketched.T)[apart])) > COMMON and _outlines_differ(copies, chosen):
            continue  # a field of noise that all copies share, cut out as the palms of the originals lie
        alike = _likeness(sketched)
        observed = _correlation(alike[apart], levels)
        if observed < FOLLOWS:
            continue
        draw, dealt = np.random.default_rng(0), []
        for _ in range(_DEALS):
            order = draw.permutation(len(alike))
            dealt.append(_correlation(alike[np.ix_(order, order)][apart], levels))
        deviations = (observed - float(np.mean(dealt))) / max(float(np.std(dealt)), 1e-6)
        if deviations >= DEVIATIONS:
            found.append(Mark(f"{kind} made of the originals", observed, deviations))
    return found


_CODES = KINDS[:-1]


def _outlines_differ(copies: Fingerprints, rows: NDArray[np.int64]) -> bool:
    return len(rows) > 0 and bool(copies.masks(rows).std(axis=0).any())


def _likeness(sketches: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, n) correlations of what pictures do not all share."""
    own = unit_rows(sketches - sketches.mean(axis=0))
    return np.asarray(own @ own.T, np.float32)


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    if one.std() < 1e-6 or other.std() < 1e-6:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


def nearness(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, n) how near every two of (n,) values are: their distance, negative."""
    return np.asarray(-np.abs(values[:, None] - values))


def told_apart(alike: NDArray[np.floating], people: NDArray[np.int64]) -> Mark | None:
    """How well people are told apart by how alike pictures are; None where too few have several.

    Args:
        alike: (n, n) of every two pictures.
        people: (n,) whose they are.
    """
    pairs = _Pairs.among(people)
    return None if pairs is None else pairs.mark("", alike[np.ix_(pairs.rows, pairs.rows)])


def compared(people: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of the copies by which marks are looked for: not all where there are many; none where there are too few."""
    pairs = _Pairs.among(people)
    return np.zeros(0, np.int64) if pairs is None else pairs.rows


def properties(
    originals: NDArray[np.float32], copies: NDArray[np.float32], people: NDArray[np.int64], names: Sequence[str]
) -> list[Mark]:
    """Which properties of copies were chosen for each person.

    Only what tells people apart better than any property of their originals does is one: an engine that keeps something
    of a hand in a way that no line describes is not accused.

    Args:
        originals: (n, k) properties of the originals of the copies.
        copies: (n, k) those of the copies.
        people: (n,) whose they are.
        names: k names of these properties.
    """
    pairs = _Pairs.among(people)
    if pairs is None:
        return []
    before, after = scaled(originals[pairs.rows]), scaled(copies[pairs.rows])
    shared = components(before)
    told_before, found = 0.5, []
    for number, name in enumerate(names):
        values = after[:, number]
        told_before = max(told_before, pairs.told_apart(nearness(before[:, number])))
        if not values.any() or pairs.told_apart(nearness(values)) < _LEAST_BEFORE:
            continue
        values = residuals(values, shared, before[:, number])
        found.append(pairs.mark(name, nearness(values)))
    return [mark for mark in found if mark.certain and mark.told_apart > told_before]


def encodings(written: Sequence[str], people: NDArray[np.int64], source: Callable[[int], str]) -> list[Mark]:
    """Whether how a file is written was chosen for each person.

    What an engine takes over from the original's file, as format and tables, says nothing of it, and each person's
    pictures may come from a camera of their own: only copies of originals that are written alike are compared.

    Args:
        written: How the file of each copy was.
        people: (n,) whose they are.
        source: How the original's file of a row is written; empty where that is not known. Asked only where the copies
            differ by person.
    """
    pairs = _Pairs.among(people)
    if pairs is None or len(set(written)) < 2:
        return []
    kinds = np.unique(written, return_inverse=True)[1][pairs.rows]
    alike = (kinds[:, None] == kinds).astype(np.float32)
    if not pairs.mark(WRITTEN, alike).certain:
        return []
    sources = [source(int(row)) for row in pairs.rows]
    mark = pairs.within(np.unique(sources, return_inverse=True)[1], np.array([bool(known) for known in sources])).mark(
        WRITTEN, alike
    )
    return [mark] if mark.certain else []


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Pictures to be compared in pairs.

    Attributes:
        rows: (m,) which of them.
        people: (m,) whose they are.
        upper: (m, m) True for each pair once.
        groups: (m,) number of the group within which people are dealt out anew.
    """

    rows: NDArray[np.int64]
    people: NDArray[np.int64]
    upper: NDArray[np.bool_]
    groups: NDArray[np.int64]

    @classmethod
    def among(cls, people: NDArray[np.int64]) -> _Pairs | None:
        """Those of all, or of some people where there are many; None where too few people have several."""
        present, numbers, counts = np.unique(people, return_inverse=True, return_counts=True)
        several = np.flatnonzero(counts > 1)
        if len(several) < LEAST_PEOPLE:
            return None
        draw, most = np.random.default_rng(0), _COMPARED // LEAST_PEOPLE
        order = draw.permutation(several)
        each = np.minimum(counts[order], most)
        kept = order[: max(LEAST_PEOPLE, int(np.searchsorted(np.cumsum(each), _COMPARED)))]
        rows = np.sort(np.concatenate([draw.permutation(np.flatnonzero(numbers == who))[:most] for who in kept]))
        upper = np.triu(np.ones((len(rows), len(rows)), bool), 1)
        return cls(rows, present[numbers[rows]], upper, np.zeros(len(rows), np.int64))

    def within(self, groups: NDArray[np.int64], counted: NDArray[np.bool_]) -> _Pairs:
        """The pairs of one group, of those rows that are counted."""
        upper = self.upper & (groups[:, None] == groups) & counted[:, None] & counted
        return replace(self, upper=upper, groups=groups)

    def mark(self, name: str, alike: NDArray[np.floating]) -> Mark:
        """How well people are told apart by a matrix of likenesses."""
        ranks = self._ranks(alike)
        observed = self._told_apart(ranks, self.people)
        if observed < TOLD_APART:
            return Mark(name, observed, 0.0)
        draw = np.random.default_rng(0)
        dealt = [self._told_apart(ranks, self._dealt(draw)) for _ in range(_DEALS)]
        spread = max(float(np.std(dealt)), 1e-6)
        return Mark(name, observed, (observed - float(np.mean(dealt))) / spread)

    def told_apart(self, alike: NDArray[np.floating]) -> float:
        """Probability that a pair of one person is the more alike."""
        return self._told_apart(self._ranks(alike), self.people)

    def _dealt(self, draw: np.random.Generator) -> NDArray[np.int64]:
        """People in another order within each group."""
        people = self.people.copy()
        for group in np.unique(self.groups):
            members = np.flatnonzero(self.groups == group)
            people[members] = draw.permutation(people[members])
        return people

    def _ranks(self, alike: NDArray[np.floating]) -> NDArray[np.float64]:
        """(m, m) ranks of the pairs from 0, ties in the middle; 0 below the diagonal."""
        _, places, counts = np.unique(alike[self.upper], return_inverse=True, return_counts=True)
        ranks = np.zeros(alike.shape)
        ranks[self.upper] = (np.cumsum(counts) - (counts + 1) / 2)[places]
        return ranks

    def _told_apart(self, ranks: NDArray[np.float64], people: NDArray[np.int64]) -> float:
        """Probability that a pair of one person ranks higher than a pair of two (Mann and Whitney, 1947)."""
        own = self.upper & (people[:, None] == people)
        count = int(own.sum())
        other = int(self.upper.sum()) - count
        return (float(ranks[own].sum()) - count * (count - 1) / 2) / (count * other) if count and other else 0.5
