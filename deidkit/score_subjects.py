"""Subjects of scores that are passed to the Python API, as numbers or texts."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deidkit.errors import UsageError
from deidkit.measures import MATED_KINDS
from deidkit.scores import Scores
from deidkit.subjects import MISSING_VALUES, similar_names_note, whole_number


@dataclass(frozen=True, eq=False)
class _People:
    """The people of one kind of score.

    Attributes:
        names: What they are called, blanks around taken away.
        pairs: (n, 2) int, places of probe and reference among the names.
    """

    names: list[str]
    pairs: NDArray[np.intp]


def scores_of(distances: Mapping[str, NDArray[np.float64]], subjects: Mapping[str, ArrayLike]) -> dict[str, Scores]:
    """Combine scores with their subjects.

    Where all are whole numbers, 1, 1.0, "1" and "1.0" are one person, as in a table.

    Args:
        distances: Kind -> (n,) distances.
        subjects: The same kinds -> (n, 2) subjects of probe and reference, or (n,) where both are one person.

    Warns:
        UserWarning: Subjects differ only by letter case, leading zeros or the like.

    Raises:
        UsageError: Subjects are of another shape, are missing, or are not those that a score of the kind has.
    """
    people = {kind: _people(kind, subjects[kind], len(values)) for kind, values in distances.items()}
    whole = {name: whole_number(name) for one in people.values() for name in one.names}
    same = whole if all(whole.values()) else {name: name for name in whole}
    numbering: dict[str, int] = {}
    found = {}
    for kind, one in people.items():
        numbers = np.array([numbering.setdefault(same[name], len(numbering)) for name in one.names], np.int32)
        probes, references = numbers[one.pairs[:, 0]], numbers[one.pairs[:, 1]]
        if kind in MATED_KINDS and (probes != references).any():
            raise UsageError(f"a score '{kind}' is of two subjects; it must compare one person with themselves.")
        found[kind] = Scores(distances[kind], probes, references)
    if note := similar_names_note(numbering, with_names=True):
        warnings.warn(f"{note}.", stacklevel=3)
    return found


def _people(kind: str, subjects: ArrayLike, count: int) -> _People:
    try:
        if np.ma.is_masked(subjects):
            raise UsageError(f"some subjects of '{kind}' are masked; leave out what does not count.")
        labels = np.asarray(subjects)
        if labels.dtype == object:  # mixed types cannot be sorted
            labels = labels.astype(str)
        distinct, places = np.unique(labels, return_inverse=True)
    except (TypeError, ValueError):
        raise UsageError(f"subjects of '{kind}' are not an array of numbers or texts.") from None
    if labels.shape[:1] != (count,) or labels.shape[1:] not in ((), (2,)):
        raise UsageError(f"{count} scores '{kind}' do not fit subjects of shape {labels.shape}.")
    names = [str(name).strip() for name in distinct.tolist()]
    if any(not name or name in MISSING_VALUES for name in names):
        raise UsageError(f"a score '{kind}' has no subject; say who it is of, or leave it out.")
    places = places.reshape(labels.shape)
    if labels.ndim == 2:
        return _People(names, places)
    if count and kind not in MATED_KINDS:
        raise UsageError(f"a score '{kind}' compares two people; give its subjects as (n, 2), of probe and reference.")
    return _People(names, np.stack([places, places], axis=1))
