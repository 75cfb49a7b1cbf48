"""Finds comparisons that stand in a file of scores more than once."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from deidkit.cli.columns import Column
from deidkit.scores import Scores

SYMMETRIC = frozenset({"genuine", "impostor"})
"""Kinds of which a comparison is the same from either side."""

ENOUGH = 20
"""Distinct comparisons from which on it is no accident that each stands there equally often."""

_LOOKED_AT = 32


def repeated(probes: Column, references: Column, values: NDArray[np.float64], kind: str) -> NDArray[np.bool_]:
    """(n,) whether a comparison of the same two pictures with the same score stands in an earlier row."""
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
    """How often every comparison stands there, judged by its score and its people; 1 where that is no more than luck.

    Copies of an engine may give each score twice, from the copy of either picture, so that only scores of originals
    are looked at.
    """
    values = scores.values
    if kind not in SYMMETRIC or len(values) < 2 * ENOUGH:
        return 1
    times = 0
    for value in values[:_LOOKED_AT]:  # which is over soon unless all stand there several times
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
    """Pictures of both sides as numbers, the same for the same name."""
    first, second = probes.names(), references.names()
    places = {text: place for place, text in enumerate(first.distinct)}
    of_second = [places.setdefault(text, len(places)) for text in second.distinct]
    return first.codes.astype(np.int64), np.array(of_second, dtype=np.int64)[second.codes]
