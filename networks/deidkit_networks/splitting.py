"""Splits pictures into those for training and those for evaluation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidkit.errors import DatasetError


@dataclass(frozen=True)
class Split:
    """Two sets of pictures without a picture in common.

    Attributes:
        train: Numbers of the pictures that are learned from.
        test: Numbers of the pictures that are measured on.
        rule: In words, for the record.
    """

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    rule: str


def split(labels: NDArray[np.int64], *, held_out: float, first: int | None, seed: int) -> Split:
    """Split by identity, or by picture.

    Args:
        labels: (n,) identities, numbered from 0; the pictures of each in the data set's order.
        held_out: Share of the identities none of which is trained on, 0..1; not used where `first` is given.
        first: The first so many pictures of each identity are trained on, the others measured on, as published for
            closed sets (IITD: 3).
        seed: Chooses the identities.

    Raises:
        DatasetError: Fewer than two identities would be left to train on.
    """
    if first is not None:
        order = _order_within(labels)
        result = Split(
            np.flatnonzero(order < first),
            np.flatnonzero(order >= first),
            f"the first {first} pictures of each identity are trained on, the others are measured on",
        )
    else:
        identities = int(labels.max()) + 1
        kept = round(held_out * identities)
        chosen = np.random.default_rng(seed).permutation(identities)[:kept]
        away = np.isin(labels, chosen)
        result = Split(
            np.flatnonzero(~away),
            np.flatnonzero(away),
            f"{kept} of {identities} identities are not trained on and are measured on",
        )
    if len(np.unique(labels[result.train])) < 2:
        raise DatasetError("training needs at least two identities; the data set leaves fewer.")
    return result


def _order_within(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which picture of its identity each one is, from 0."""
    order = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        order[places] = np.arange(len(places))
    return order
