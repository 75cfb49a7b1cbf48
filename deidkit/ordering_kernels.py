"""Compiled loops that put many numbers into buckets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidkit.compiling import compiled


@compiled
def count_buckets(
    values: NDArray[np.float64],
    low: float,
    scale: float,
    ends: NDArray[np.int64],
    largest: NDArray[np.float64],
) -> None:
    """Count the values of each bucket ``int((value - low) * scale)`` and find its largest.

    Args:
        values: (n,) finite, `low` or more.
        low: The smallest of them.
        scale: Buckets in one unit.
        ends: (buckets,) written: how many values are in the buckets up to and with each.
        largest: (buckets,) written; minus infinity for an empty bucket.
    """
    ends[:] = 0
    largest[:] = -np.inf
    last = len(ends) - 1
    for value in values:
        bucket = min(int((value - low) * scale), last)
        ends[bucket] += 1
        largest[bucket] = max(largest[bucket], value)
    for bucket in range(last):
        ends[bucket + 1] += ends[bucket]


@compiled
def take_bucket(
    values: NDArray[np.float64], low: float, scale: float, last: int, wanted: int, taken: NDArray[np.float64]
) -> None:
    """Copy the values of one bucket, in the order in which they stand."""
    place = 0
    for value in values:
        if min(int((value - low) * scale), last) == wanted:
            taken[place] = value
            place += 1


@compiled
def scatter(
    values: NDArray[np.float64], low: float, scale: float, places: NDArray[np.int64], moved: NDArray[np.float64]
) -> None:
    """Copy all values bucket by bucket; `places`, (buckets,), begins as where each bucket starts and is moved on."""
    last = len(places) - 1
    for value in values:
        bucket = min(int((value - low) * scale), last)
        moved[places[bucket]] = value
        places[bucket] += 1


@compiled
def ranks_among(
    values: NDArray[np.float64],
    few: NDArray[np.float64],
    guide: NDArray[np.int64],
    low: float,
    scale: float,
    below: NDArray[np.int64],
    at_most: NDArray[np.int64],
) -> None:
    """Count, for each of a few ascending numbers that differ, the values below it and those at or below it.

    Args:
        values: (n,) in any order.
        few: (k,) ascending, none twice.
        guide: (buckets + 1,) how many of the few lie in the buckets before each.
        low: The smallest of the few.
        scale: Buckets in one unit.
        below: (k + 2,) zeros; written: how many values lie below each of the few.
        at_most: (k + 2,) zeros; written: how many lie at or below each.
    """
    count, buckets = len(few), len(guide) - 1
    for value in values:
        if value < low:
            place = 0
        else:
            bucket = int(min((value - low) * scale, float(buckets - 1)))
            place, stop = guide[bucket], guide[bucket + 1]
            while place < stop:
                middle = (place + stop) // 2
                if few[middle] < value:
                    place = middle + 1
                else:
                    stop = middle
        # everything from `place` on is at least the value
        at_most[place] += 1
        below[place + 1 if place < count and few[place] == value else place] += 1
    for place in range(count):
        below[place + 1] += below[place]
        at_most[place + 1] += at_most[place]
