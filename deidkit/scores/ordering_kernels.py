"""Compiled kernels that distribute many numbers into buckets."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from deidkit.compiling import compiled

_AT_ONCE = 2_048
"""Values whose buckets are computed per pass: this is vectorized, incrementing the counts is not."""

_LOOKED_AT = 64
"""Values that are skipped at once if none is in the range."""


@compiled
def count_buckets(values: NDArray[np.floating], per_unit: float, first: float, ends: NDArray[np.int64]) -> None:
    """Count the values of each bucket ``floor(value * per_unit) - first``.

    Args:
        values: (n,) finite.
        per_unit: Buckets in one unit, a power of two.
        first: ``floor`` of the smallest value times `per_unit`.
        ends: (buckets,) written: how many values are in the buckets up to and with each.
    """
    ends[:] = 0
    buckets = np.empty(_AT_ONCE, dtype=np.int32)
    for start in range(0, len(values), _AT_ONCE):
        part = values[start : start + _AT_ONCE]
        for place in range(len(part)):
            buckets[place] = np.int32(math.floor(np.float64(part[place]) * per_unit) - first)
        for place in range(len(part)):
            ends[np.uint32(buckets[place])] += 1
    for bucket in range(len(ends) - 1):
        ends[bucket + 1] += ends[bucket]


@compiled
def take_between(
    values: NDArray[np.floating], low: np.floating, high: np.floating, taken: NDArray[np.floating]
) -> None:
    """Copy the values from `low` up to `high`, in the order in which they stand; `taken` has room for one more."""
    place = 0
    for start in range(0, len(values), _LOOKED_AT):
        part = values[start : start + _LOOKED_AT]
        wanted = np.int32(0)
        for index in range(len(part)):
            wanted += np.int32((part[index] >= low) & (part[index] <= high))
        if wanted:
            for value in part:  # branchless, since a branch would often be mispredicted
                taken[place] = value
                place += (value >= low) & (value <= high)


@compiled
def scatter(
    values: NDArray[np.floating], per_unit: float, first: float, places: NDArray[np.int64], moved: NDArray[np.float64]
) -> None:
    """Copy all values bucket by bucket; `places`, (buckets,), begins as where each bucket starts and is moved on."""
    for value in values:
        bucket = int(math.floor(np.float64(value) * per_unit) - first)
        moved[places[bucket]] = value
        places[bucket] += 1


@compiled
def ranks_among(
    values: NDArray[np.floating],
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
