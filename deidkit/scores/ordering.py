"""Numbers that are sorted only as far as needed.

One threshold among 31 million scores needs one pass to count them in buckets, and the sorting of one bucket: a tenth of
the time and memory of a full sort.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Side = Literal["left", "right"]

MANY = 2**21
"""Count above which buckets are faster than a sort, including the import of compiled kernels."""

BUCKETS = 2**14
"""Number of buckets: one of tens of millions of numbers fits into a processor's second-level cache."""

_FEW = 64
"""Simultaneous queries above which everything is sorted."""

_KEPT = 64
"""Number of cached sorted buckets."""

_LARGEST, _SMALLEST = 2.0**100, 2.0**-900
"""Bounds of bucketed numbers: quotients with a bucket's width must not underflow."""

_GUIDE = 2**22
"""Largest number of buckets for the lookup of thresholds."""


class Order(Protocol):
    """Numbers, accessed as if in ascending order."""

    def __len__(self) -> int:
        """Count of the numbers."""
        ...

    @property
    def ends(self) -> tuple[float, float]:
        """The smallest and the largest; there must be one."""
        ...

    @property
    def stored(self) -> NDArray[np.floating]:
        """All numbers in storage order, float64 or float32."""
        ...

    def place(self, threshold: float, side: Side) -> int:
        """Count of the numbers below a threshold (`left`), or at or below it (`right`)."""
        ...

    def places(self, thresholds: NDArray[np.float64], side: Side) -> NDArray[np.int64]:
        """Counts of the numbers below each threshold (`left`), or at or below it (`right`)."""
        ...

    def ranks(self, thresholds: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Counts of the numbers below each of many ascending thresholds, and at or below it."""
        ...

    def first(self, holds: Callable[[float], bool]) -> float | None:
        """Smallest number at which a monotone predicate holds; None if there is none.

        The predicate is also evaluated at values that do not occur.
        """
        ...

    def between(self, start: int, stop: int) -> NDArray[np.float64]:
        """Those from one place to another, ascending."""
        ...

    def ascending(self) -> NDArray[np.float64]:
        """All of them."""
        ...


def order(values: NDArray[np.floating]) -> Order:
    """Order numbers: few are sorted immediately, many on demand.

    Args:
        values: (n,) float64 or float32, finite, in any order.
    """
    if _ascend(values[:1_000]) and _ascend(values):
        return Ascending(values.astype(np.float64, copy=False))
    if values.size >= MANY:
        low, high = float(values.min()), float(values.max())
        vanishing = low < 0 and ((values < 0) & (values > -_SMALLEST)).any()
        if max(abs(low), abs(high)) < _LARGEST and not vanishing:
            return Bucketed(values, low, high)
    return Ascending(np.sort(values).astype(np.float64, copy=False))


def _ascend(values: NDArray[np.floating]) -> bool:
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

    def place(self, threshold: float, side: Side) -> int:
        """See `Order.place`."""
        return int(self._values.searchsorted(threshold, side))

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


def _width(low: float, high: float, kind: np.dtype[Any]) -> float:
    """Bucket width: a power of two such that at most `BUCKETS` cover the range.

    Divided by it, every number and every edge of a bucket is exact. It is not finer than the last bit of the
    larger number.
    """
    _, spread = math.frexp(high / 2 - low / 2)
    _, larger = math.frexp(max(abs(low), abs(high)))
    bits = np.finfo(kind)
    finest = max(larger - int(bits.nmant) - 1, int(bits.minexp))
    return math.ldexp(1.0, max(spread + 1 - (BUCKETS.bit_length() - 1), finest))


class Bucketed:
    """Numbers counted in buckets; a bucket is sorted on first access.

    If nearly all are in one bucket, because of outliers, this is a full sort.

    Args:
        values: (n,) float64 or float32, in any order.
        low: The smallest.
        high: The largest.
    """

    def __init__(self, values: NDArray[np.floating], low: float, high: float) -> None:
        from deidkit.scores.ordering_kernels import count_buckets

        self._values, self._low, self._high = values, low, high
        self._width = _width(self._low, self._high, values.dtype)
        self._first = math.floor(self._low / self._width)
        self._ends = np.empty(math.floor(self._high / self._width) - self._first + 1, dtype=np.int64)
        count_buckets(values, 1 / self._width, float(self._first), self._ends)
        self._filled = np.flatnonzero(np.diff(self._ends, prepend=0))
        self._kept: dict[int, NDArray[np.float64]] = {}
        self._sorted: Ascending | None = None

    def __len__(self) -> int:
        return len(self._values)

    @property
    def ends(self) -> tuple[float, float]:
        """The smallest and the largest."""
        return self._low, self._high

    @property
    def stored(self) -> NDArray[np.floating]:
        """All of them as they stand."""
        return self._values

    def place(self, threshold: float, side: Side) -> int:
        """See `Order.place`."""
        if self._sorted is not None:
            return self._sorted.place(threshold, side)
        if threshold < self._low:
            return 0
        if threshold > self._high:
            return len(self)
        bucket = math.floor(threshold / self._width) - self._first
        if side == "right" and threshold >= float(self._top(bucket)):
            return int(self._ends[bucket])
        return self._start(bucket) + int(np.searchsorted(self._bucket(bucket), threshold, side=side))

    def places(self, thresholds: NDArray[np.float64], side: Side) -> NDArray[np.int64]:
        """See `Order.places`."""
        if self._sorted is None and np.size(thresholds) <= _FEW:
            return np.array([self.place(float(t), side) for t in np.ravel(thresholds)], dtype=np.int64)
        self.ascending()
        assert self._sorted is not None
        return self._sorted.places(thresholds, side)

    def ranks(self, thresholds: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """See `Order.ranks`; one pass over the numbers, for any number of thresholds."""
        from deidkit.scores.ordering_kernels import ranks_among

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
        place = bisect_left(self._filled, True, key=lambda bucket: holds(float(self._top(int(bucket)))))
        found = (Ascending(self._bucket(int(bucket))).first(holds) for bucket in self._filled[place : place + 2])
        return next((number for number in found if number is not None), None)  # it may be in the next bucket

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
            from deidkit.scores.ordering_kernels import scatter

            starts = self._ends - np.diff(self._ends, prepend=0)
            moved = np.empty(len(self._values))
            scatter(self._values, 1 / self._width, float(self._first), starts.copy(), moved)
            for start, end in zip(starts.tolist(), self._ends.tolist(), strict=True):
                moved[start:end].sort()
            self._sorted = Ascending(moved)
            self._kept.clear()
        return self._sorted.ascending()

    def _start(self, bucket: int) -> int:
        return int(self._ends[bucket - 1]) if bucket else 0

    def _bottom(self, bucket: int) -> np.floating:
        """Smallest representable number of a bucket."""
        bottom: np.floating = self._values.dtype.type((self._first + bucket) * self._width)
        return bottom

    def _top(self, bucket: int) -> np.floating:
        """Largest representable number of a bucket, in the dtype of the numbers."""
        bottom = self._bottom(bucket + 1)
        top: np.floating = np.nextafter(bottom, type(bottom)(-np.inf))
        return top

    def _bucket(self, bucket: int) -> NDArray[np.float64]:
        found = self._kept.get(bucket)
        if found is None:
            from deidkit.scores.ordering_kernels import take_between

            taken = np.empty(int(self._ends[bucket]) - self._start(bucket) + 1, self._values.dtype)
            take_between(self._values, self._bottom(bucket), self._top(bucket), taken)
            taken = np.sort(taken[:-1])
            found = taken.astype(np.float64, copy=False)
            if len(self._kept) == _KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[bucket] = found
        return found
