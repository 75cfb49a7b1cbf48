"""Finds duplicate comparisons in files of scores."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from deidkit.cli.columns import Column
from deidkit.scores import Scores

SYMMETRIC = frozenset({"genuine", "impostor"})
"""Kinds of scores whose comparisons are symmetric."""

ENOUGH = 20
"""Number of distinct comparisons from which equal multiplicities are not a coincidence."""

_LOOKED_AT = 32


def repeated(probes: Column, references: Column, values: NDArray[np.float64], kind: str) -> NDArray[np.bool_]:
    """(n,) whether an earlier row has the same two pictures and the same score."""
    one, two = _numbered(probes, references)
    if kind in SYMMETRIC:
        one, two = np.minimum(one, two), np.maximum(one, two)
    pairs = one.astype(np.int64) * (int(two.max(initial=0)) + 1) + two
    _, first, counts = np.unique(pairs, return_index=True, return_counts=True)
    again = np.zeros(len(pairs), dtype=bool)
    if len(first) == len(pairs):
        return again
    among = np.flatnonzero(np.isin(pairs, pairs[first[counts > 1]]))
    order = among[np.lexsort((among, values[among], pairs[among]))]
    same = (pairs[order][1:] == pairs[order][:-1]) & (values[order][1:] == values[order][:-1])
    again[order[1:][same]] = True
    return again


def times_each(scores: Scores, kind: str) -> int:
    """Common multiplicity of all comparisons, identified by score and people; 1 if it may be coincidence.

    Copies of an engine may give each score twice, from the copy of either picture, so that only scores of originals
    are looked at.
    """
    values = scores.values
    if kind not in SYMMETRIC or len(values) < 2 * ENOUGH:
        return 1
    times = 0
    for value in values[:_LOOKED_AT]:  # usually stops early, unless all are repeated
        times = math.gcd(times, int(np.count_nonzero(values == value)))
        if times == 1:
            return 1
    sides = np.stack([scores.probe_subjects, scores.reference_subjects])
    one, two = sides.min(axis=0), sides.max(axis=0)
    order = np.lexsort((one, two, values))
    changes = np.zeros(len(order) - 1, dtype=bool)
    for column in (values, one, two):
        changes |= np.diff(column[order]) != 0
    counts = np.diff(np.concatenate([[0], np.flatnonzero(changes) + 1, [len(order)]]))
    return int(np.gcd.reduce(counts)) if len(counts) >= ENOUGH else 1


def _numbered(probes: Column, references: Column) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Encode the pictures of both sides as numbers, equal for equal names."""
    first, second = probes.names(), references.names()
    places = {text: place for place, text in enumerate(first.distinct)}
    of_second = [places.setdefault(text, len(places)) for text in second.distinct]
    return first.codes.astype(np.int64), np.array(of_second, dtype=np.int64)[second.codes]
