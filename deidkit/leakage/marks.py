"""Detection of marks that identify a person although no palm is left: codes in noise, properties chosen per person.

Copies of one person are compared with copies of different people. What a copy takes over from its original, such as
light and colour of the hand, does not count against the engine and is regressed out first. The AUC (probability that
two copies of one person are more similar than two of different people) is tested against permuted identities.

Measured on 20 synthetic people x 3: ten kinds of honest copies reach an AUC of 0.60 by any property; copies whose
brightness, noise, compression, palette, grain or size was chosen per person reach 0.78 to 0.89.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from deidkit.leakage.fingerprints import Fingerprints, unit_rows
from deidkit.leakage.residuals import components, residuals, standardised
from deidkit.leakage.sketches import KINDS

LEAST_AUC = 0.72
"""Least AUC of a mark."""

DEVIATIONS = 6.0
"""Least deviation of the AUC from that of permuted identities, in standard deviations."""

COMMON = 0.2
"""Median correlation of the noise of different people above which the common part of all copies is subtracted."""

LEAST_PEOPLE = 5
"""Least number of people with several copies."""

_PERMUTATIONS = 200
_MOST_COMPARED = 600
"""Largest number of copies compared in pairs, drawn with a fixed seed."""

_LEAST_RAW_AUC = 0.6
"""Least AUC before regression: the residuals of a property that only a few copies have differ by person as the
originals do."""

WRITTEN = "how the file is written"

LEAST_FOLLOWING = 0.2
"""Least correlation, over pairs of copies, between similarity of low bits or noise and similarity of the originals."""


@dataclass(frozen=True)
class Mark:
    """Something that identifies the person of a copy.

    Attributes:
        name: What identifies the person.
        auc: Probability that two copies of one person are more similar than two of different people, 0..1; for marks
            from `follows`, the correlation with the originals.
        deviations: Deviation from permuted identities, in standard deviations; 0 if not tested.
    """

    name: str
    auc: float
    deviations: float

    @property
    def certain(self) -> bool:
        """Whether it exceeds chance."""
        return self.auc >= LEAST_AUC and self.deviations >= DEVIATIONS


def codes(copies: Fingerprints, rows: NDArray[np.int64], people: NDArray[np.int64], *, same_palm: bool) -> list[Mark]:
    """Find the kinds of noise that copies of one person share.

    Args:
        copies: The copies of one engine.
        rows: Copies whose palm was replaced.
        people: (len(copies),) identity of each copy.
        same_palm: Whether all of them show one palm: then they differ only by the outline of the treated area.
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
            if same_palm or _outlines_differ(copies, rows):  # outlines alone would separate people
                continue
            scores = unit_rows(scores - scores.mean(axis=0))
            alike = scores @ scores.T
        found.append(pairs.mark(kind, alike))
    return [mark for mark in found if mark.certain]


def follows(
    originals: Fingerprints, copies: Fingerprints, rows: NDArray[np.int64], people: NDArray[np.int64]
) -> list[Mark]:
    """Find the kinds of noise that were derived from the originals with one key for all pictures.

    A permutation of pixels, or one stream of random numbers added to them, preserves the similarity of pictures: what
    is hidden is as similar between two copies as between their originals.

    Args:
        originals: The originals of the copies of ``rows``, in the same order.
        copies: The copies of one engine.
        rows: Copies whose palm was replaced.
        people: (len(copies),) identity of each copy.
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
            continue  # one noise field in all copies, masked by the palm of each original
        alike = _likeness(sketched)
        observed = _correlation(alike[apart], levels)
        if observed < LEAST_FOLLOWING:
            continue
        draw, permuted = np.random.default_rng(0), []
        for _ in range(_PERMUTATIONS):
            order = draw.permutation(len(alike))
            permuted.append(_correlation(alike[np.ix_(order, order)][apart], levels))
        deviations = (observed - float(np.mean(permuted))) / max(float(np.std(permuted)), 1e-6)
        if deviations >= DEVIATIONS:
            found.append(Mark(f"{kind} made of the originals", observed, deviations))
    return found


_CODES = KINDS[:-1]


def _outlines_differ(copies: Fingerprints, rows: NDArray[np.int64]) -> bool:
    return len(rows) > 0 and bool(copies.masks(rows).std(axis=0).any())


def _likeness(sketches: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, n) correlations after subtraction of the mean of all pictures."""
    own = unit_rows(sketches - sketches.mean(axis=0))
    return np.asarray(own @ own.T, np.float32)


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    if one.std() < 1e-6 or other.std() < 1e-6:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


def nearness(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, n) negative distances of every two of (n,) values."""
    return np.asarray(-np.abs(values[:, None] - values))


def mark_of(alike: NDArray[np.floating], people: NDArray[np.int64]) -> Mark | None:
    """Mark that a similarity matrix provides; None if too few people have several pictures.

    Args:
        alike: (n, n) similarity of every two pictures.
        people: (n,) identity of each copy.
    """
    pairs = _Pairs.among(people)
    return None if pairs is None else pairs.mark("", alike[np.ix_(pairs.rows, pairs.rows)])


def compared(people: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of the copies that are tested: a subset if there are many; none if there are too few."""
    pairs = _Pairs.among(people)
    return np.zeros(0, np.int64) if pairs is None else pairs.rows


def properties(
    originals: NDArray[np.float32], copies: NDArray[np.float32], people: NDArray[np.int64], names: Sequence[str]
) -> list[Mark]:
    """Find the properties of copies that were chosen per person.

    A property must separate people better than any property of their originals does, so that an engine that preserves
    something of a hand in a nonlinear way is not accused.

    Args:
        originals: (n, k) properties of the original of each copy.
        copies: (n, k) properties of the copies.
        people: (n,) identity of each copy.
        names: k names of these properties.
    """
    pairs = _Pairs.among(people)
    if pairs is None:
        return []
    before, after = standardised(originals[pairs.rows]), standardised(copies[pairs.rows])
    shared = components(before)
    auc_before, found = 0.5, []
    for number, name in enumerate(names):
        values = after[:, number]
        auc_before = max(auc_before, pairs.auc(nearness(before[:, number])))
        if not values.any() or pairs.auc(nearness(values)) < _LEAST_RAW_AUC:
            continue
        values = residuals(values, shared, before[:, number])
        found.append(pairs.mark(name, nearness(values)))
    return [mark for mark in found if mark.certain and mark.auc > auc_before]


def encodings(written: Sequence[str], people: NDArray[np.int64], source: Callable[[int], str]) -> list[Mark]:
    """Test whether the file encoding was chosen per person.

    What an engine takes over from the original's file, such as format and tables, does not count against it, and each
    person's pictures may come from a different camera: only copies of originals with equal encodings are compared.

    Args:
        written: Encoding of each copy's file.
        people: (n,) identity of each copy.
        source: Returns the encoding of the original file of a row; empty if unknown. Called only if the copies'
            encodings differ by person.
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
    """Pictures that are compared in pairs.

    Attributes:
        rows: (m,) rows of the pictures.
        people: (m,) identity of each.
        upper: (m, m) True for each compared pair once.
        groups: (m,) group of each, within which identities are permuted.
    """

    rows: NDArray[np.int64]
    people: NDArray[np.int64]
    upper: NDArray[np.bool_]
    groups: NDArray[np.int64]

    @classmethod
    def among(cls, people: NDArray[np.int64]) -> _Pairs | None:
        """Pairs of all pictures, or of a random subset of people; None if too few people have several."""
        present, numbers, counts = np.unique(people, return_inverse=True, return_counts=True)
        several = np.flatnonzero(counts > 1)
        if len(several) < LEAST_PEOPLE:
            return None
        draw, most = np.random.default_rng(0), _MOST_COMPARED // LEAST_PEOPLE
        order = draw.permutation(several)
        each = np.minimum(counts[order], most)
        kept = order[: max(LEAST_PEOPLE, int(np.searchsorted(np.cumsum(each), _MOST_COMPARED)))]
        rows = np.sort(np.concatenate([draw.permutation(np.flatnonzero(numbers == who))[:most] for who in kept]))
        upper = np.triu(np.ones((len(rows), len(rows)), bool), 1)
        return cls(rows, present[numbers[rows]], upper, np.zeros(len(rows), np.int64))

    def within(self, groups: NDArray[np.int64], counted: NDArray[np.bool_]) -> _Pairs:
        """Restrict to pairs within one group, of the rows that are counted."""
        upper = self.upper & (groups[:, None] == groups) & counted[:, None] & counted
        return replace(self, upper=upper, groups=groups)

    def mark(self, name: str, alike: NDArray[np.floating]) -> Mark:
        """Test the separation of people by a similarity matrix."""
        ranks = self._ranks(alike)
        observed = self._rank_auc(ranks, self.people)
        if observed < LEAST_AUC:
            return Mark(name, observed, 0.0)
        draw = np.random.default_rng(0)
        permuted = [self._rank_auc(ranks, self._permuted_people(draw)) for _ in range(_PERMUTATIONS)]
        spread = max(float(np.std(permuted)), 1e-6)
        return Mark(name, observed, (observed - float(np.mean(permuted))) / spread)

    def auc(self, alike: NDArray[np.floating]) -> float:
        """Probability that a pair of one person is more similar than a pair of different people."""
        return self._rank_auc(self._ranks(alike), self.people)

    def _permuted_people(self, draw: np.random.Generator) -> NDArray[np.int64]:
        """Permute identities within each group."""
        people = self.people.copy()
        for group in np.unique(self.groups):
            members = np.flatnonzero(self.groups == group)
            people[members] = draw.permutation(people[members])
        return people

    def _ranks(self, alike: NDArray[np.floating]) -> NDArray[np.float64]:
        """(m, m) ranks of the pairs from 0, ties averaged; 0 below the diagonal."""
        _, places, counts = np.unique(alike[self.upper], return_inverse=True, return_counts=True)
        ranks = np.zeros(alike.shape)
        ranks[self.upper] = (np.cumsum(counts) - (counts + 1) / 2)[places]
        return ranks

    def _rank_auc(self, ranks: NDArray[np.float64], people: NDArray[np.int64]) -> float:
        """AUC from ranks, by the Mann-Whitney statistic (Mann and Whitney, 1947)."""
        own = self.upper & (people[:, None] == people)
        count = int(own.sum())
        other = int(self.upper.sum()) - count
        return (float(ranks[own].sum()) - count * (count - 1) / 2) / (count * other) if count and other else 0.5
