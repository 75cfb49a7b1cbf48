"""Numbers that are put in order only as far as somebody asks.

To find one threshold among 31 million scores, one pass to count them in buckets and the sorting of one bucket are
enough: a tenth of the time and of the memory of a sort.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Side = Literal["left", "right"]

MANY = 2**21
"""Numbers from which on buckets are faster than a sort, the import of compiled loops included."""

BUCKETS = 2**14
"""A bucket of tens of millions of numbers fits into a processor's second-level cache."""

_FEW = 64
"""Places asked for at once, from which on everything is sorted."""

_KEPT = 64
"""Sorted buckets that are kept."""

_GUIDE = 2**22
"""Most buckets that thresholds are looked up through."""


class Order(Protocol):
    """Numbers, thought of as ascending."""

    def __len__(self) -> int:
        """How many they are."""
        ...

    @property
    def ends(self) -> tuple[float, float]:
        """The smallest and the largest; there must be one."""
        ...

    @property
    def stored(self) -> NDArray[np.float64]:
        """All of them as they stand."""
        ...

    def places(self, thresholds: NDArray[np.float64], side: Side) -> NDArray[np.int64]:
        """How many numbers lie below each threshold (`left`), or at or below it (`right`)."""
        ...

    def ranks(self, thresholds: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """How many numbers lie below each of many ascending thresholds, and how many at or below it."""
        ...

    def first(self, holds: Callable[[float], bool]) -> float | None:
        """The smallest number for which something holds that holds for all larger ones, too; None if for none."""
        ...

    def between(self, start: int, stop: int) -> NDArray[np.float64]:
        """Those from one place to another, ascending."""
        ...

    def ascending(self) -> NDArray[np.float64]:
        """All of them."""
        ...


def order(values: NDArray[np.float64]) -> Order:
    """Put numbers in order, now where they are few, when asked where they are many.

    Args:
        values: (n,) float64, finite, in any order.
    """
    if _ascend(values[:1_000]) and _ascend(values):
        return Ascending(values)
    return Ascending(np.sort(values)) if values.size < MANY else Bucketed(values)


def _ascend(values: NDArray[np.float64]) -> bool:
    return bool((values[1:] >= values[:-1]).all())


class Ascending:
    """Numbers that are sorted."""

    def __init__(self, values: NDArray[np.float64]) -> None:
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    @property
    def ends(self) -> tuple[float, float]:
        """The smallest and the largest."""
        return float(self._values[0]), float(self._values[-1])

    @property
    def stored(self) -> NDArray[np.float64]:
        """All of them, ascending."""
        return self._values

    def places(self, thresholds: NDArray[np.float64], side: Side) -> NDArray[np.int64]:
        """See `Order.places`."""
        return np.searchsorted(self._values, thresholds, side=side).astype(np.int64, copy=False)

    def ranks(self, thresholds: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """See `Order.ranks`."""
        return self.places(thresholds, "left"), self.places(thresholds, "right")

    def first(self, holds: Callable[[float], bool]) -> float | None:
        """See `Order.first`."""
        place = bisect_left(self._values, True, key=holds)
        return float(self._values[place]) if place < len(self._values) else None

    def between(self, start: int, stop: int) -> NDArray[np.float64]:
        """See `Order.between`."""
        return self._values[start:stop]

    def ascending(self) -> NDArray[np.float64]:
        """All of them."""
        return self._values


class Bucketed:
    """Numbers counted in buckets; a bucket is sorted when it is looked into.

    Where nearly all lie in one bucket, because others are far away, this is a sort.
    """

    def __init__(self, values: NDArray[np.float64]) -> None:
        from deidkit.ordering_kernels import count_buckets

        self._values = values
        self._low, high = float(values.min()), float(values.max())
        self._scale = min(BUCKETS / (high - self._low), 1e300) if high > self._low else 0.0
        self._ends = np.empty(BUCKETS, dtype=np.int64)
        self._largest = np.empty(BUCKETS)
        count_buckets(values, self._low, self._scale, self._ends, self._largest)
        self._filled = np.flatnonzero(np.diff(self._ends, prepend=0))
        self._kept: dict[int, NDArray[np.float64]] = {}
        self._sorted: Ascending | None = None

    def __len__(self) -> int:
        return len(self._values)

    @property
    def ends(self) -> tuple[float, float]:
        """The smallest and the largest."""
        return self._low, float(self._largest[self._filled[-1]])

    @property
    def stored(self) -> NDArray[np.float64]:
        """All of them as they stand."""
        return self._values

    def places(self, thresholds: NDArray[np.float64], side: Side) -> NDArray[np.int64]:
        """See `Order.places`."""
        if self._sorted is None and np.size(thresholds) <= _FEW:
            return np.array([self._place(float(t), side) for t in np.ravel(thresholds)], dtype=np.int64)
        self.ascending()
        assert self._sorted is not None
        return self._sorted.places(thresholds, side)

    def ranks(self, thresholds: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """See `Order.ranks`; one pass over the numbers as they stand, whatever the number of thresholds."""
        from deidkit.ordering_kernels import ranks_among

        few, where = np.unique(thresholds, return_inverse=True)
        if self._sorted is not None or len(few) <= _FEW:
            return self.places(thresholds, "left"), self.places(thresholds, "right")
        buckets = min(4 * len(few), _GUIDE)
        low, scale = float(few[0]), min(buckets / float(few[-1] - few[0]), 1e300)
        of_few = np.minimum((few - low) * scale, buckets - 1).astype(np.int64)
        guide = np.searchsorted(of_few, np.arange(buckets + 1))
        below, at_most = np.zeros((2, len(few) + 2), dtype=np.int64)
        ranks_among(self._values, few, guide, low, scale, below, at_most)
        return below[where], at_most[where]

    def first(self, holds: Callable[[float], bool]) -> float | None:
        """See `Order.first`."""
        if self._sorted is not None:
            return self._sorted.first(holds)
        place = bisect_left(self._filled, True, key=lambda bucket: holds(float(self._largest[bucket])))
        return Ascending(self._bucket(int(self._filled[place]))).first(holds) if place < len(self._filled) else None

    def between(self, start: int, stop: int) -> NDArray[np.float64]:
        """See `Order.between`."""
        if start >= stop:
            return np.empty(0)
        first, last = np.searchsorted(self._ends, [start, stop - 1], side="right")
        if self._sorted is not None or last - first > _FEW:
            return self.ascending()[start:stop]
        found = np.concatenate([self._bucket(bucket) for bucket in range(first, last + 1)])
        before = self._start(int(first))
        return found[start - before : stop - before]

    def ascending(self) -> NDArray[np.float64]:
        """All of them."""
        if self._sorted is None:
            from deidkit.ordering_kernels import scatter

            starts = self._ends - np.diff(self._ends, prepend=0)
            moved = np.empty(len(self._values))
            scatter(self._values, self._low, self._scale, starts.copy(), moved)
            for start, end in zip(starts.tolist(), self._ends.tolist(), strict=True):
                moved[start:end].sort()
            self._sorted = Ascending(moved)
            self._kept.clear()
        return self._sorted.ascending()

    def _place(self, threshold: float, side: Side) -> int:
        if threshold < self._low:
            return 0
        bucket = min(int(min((threshold - self._low) * self._scale, 2.0 * BUCKETS)), BUCKETS - 1)
        if threshold > self._largest[bucket] or (side == "right" and threshold == self._largest[bucket]):
            return int(self._ends[bucket])
        return self._start(bucket) + int(np.searchsorted(self._bucket(bucket), threshold, side=side))

    def _start(self, bucket: int) -> int:
        return int(self._ends[bucket - 1]) if bucket else 0

    def _bucket(self, bucket: int) -> NDArray[np.float64]:
        found = self._kept.get(bucket)
        if found is None:
            from deidkit.ordering_kernels import take_bucket

            found = np.empty(int(self._ends[bucket]) - self._start(bucket))
            take_bucket(self._values, self._low, self._scale, BUCKETS - 1, bucket, found)
            found.sort()
            if len(self._kept) == _KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[bucket] = found
        return found
