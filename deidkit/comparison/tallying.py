"""Collection of scores by kind, block by block: individually if they are few, else as counts."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidkit.comparison.contract import rounding
from deidkit.comparison.histogram import BINS, ScoreHistogram, marginal_bins
from deidkit.comparison.individual_scores import Compared, IndividualScores
from deidkit.comparison.layout import Layout
from deidkit.comparison.pairs import Templates
from deidkit.scores import ScoreSet

_WORD = 2**63 - 1
"""Sums of squares exceed 64 bits; a checkpoint stores them as three words of 63 bits."""

_FLUSH = 2**31
"""Comparisons after which a part's 32-bit counters are merged, before they can overflow."""


class Tally:
    """The scores of two sets of templates by kind.

    Individual scores are stored in the order of their probes and references; counts and sums are integers: neither
    depends on the order of blocks. Each thread has its own `TallyPart`.
    """

    def __init__(
        self, layout: Layout, score_range: tuple[float, float], max_scores: int, steps: int | None = None
    ) -> None:
        self.layout, self.steps = layout, steps
        self.probes, self.references = _labels(layout.probes), _labels(layout.gallery)
        self.low, self.high = score_range
        slack = rounding(self.low, self.high)
        self.limits = np.array([self.low - slack, self.high + slack, self.low, self.high])
        per_row = pairs_per_row(layout)
        totals = per_row.sum(axis=1)
        counted = totals > max_scores
        self.slots = np.where(counted, np.cumsum(counted) - 1, -1).astype(np.int64)
        exact = np.where(counted[:, None], 0, per_row)
        self.positions = (np.cumsum(exact.ravel()) - exact.ravel()).reshape(per_row.shape)
        self._ends = np.cumsum(exact.sum(axis=1))
        self._starts = self.positions.copy()
        self._per_kind = exact.sum(axis=1)
        self._values: NDArray[Any] | None = None
        histograms = int(counted.sum())
        people = int(max(layout.probes.subjects.max(initial=-1), layout.gallery.subjects.max(initial=-1))) + 1
        self._counts = np.zeros((histograms, BINS), dtype=np.int64)
        self._marginals = np.zeros((histograms, people, marginal_bins(people)))
        self._sums = [[0, 0] for _ in range(histograms)]
        self._lock = Lock()

    def takes(self, kind: np.dtype[Any]) -> bool:
        """Whether floats of a kind can be stored: individual scores take no more memory than the first ones did."""
        with self._lock:
            if self._values is None:
                self._values = np.empty(self._ends[-1], kind)
        return self._values.dtype == kind or np.can_cast(kind, self._values.dtype)

    @property
    def values(self) -> NDArray[Any]:
        """(n,) individual scores."""
        if self._values is None:  # no comparison yet
            self.takes(np.dtype(np.float32 if self.steps is None else np.uint16))
        assert self._values is not None
        return self._values

    def state(self) -> dict[str, NDArray[Any]]:
        """State for a checkpoint."""
        words = [[total >> shift & _WORD for total in sums for shift in (0, 63, 126)] for sums in self._sums]
        return {
            "positions": self.positions,
            "values": self.values,
            "counts": self._counts,
            "marginals": self._marginals,
            "sums": np.array(words, dtype=np.int64).reshape(-1, 6),
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Restore a checkpoint of the same comparison."""
        self.positions, self._values = state["positions"].copy(), state["values"].copy()
        self._counts, self._marginals = state["counts"].copy(), state["marginals"].copy()
        self._sums = _sums(state["sums"])

    def state_of(self, rows: slice) -> dict[str, NDArray[Any]]:
        """State after a comparison of these probes only, for `take` in another process."""
        places = self._places(rows)
        return {
            **self.state(),
            "positions": np.zeros(0, np.int64),
            "values": np.concatenate([self.values[place] for place in places]),
        }

    def take(self, rows: slice, state: Mapping[str, NDArray[Any]]) -> None:
        """Merge a `state_of` for these probes of the same comparison."""
        start = 0
        for place in self._places(rows):
            end = start + place.stop - place.start
            self.values[place] = state["values"][start:end]
            start = end
        self.merge(state["counts"], state["marginals"], _sums(state["sums"]))

    def _places(self, rows: slice) -> list[slice]:
        """Slices of the individual scores of these probes, by kind."""
        ends = self._ends if rows.stop == len(self.layout.probes) else self._starts[:, rows.stop]
        return [slice(int(start), int(end)) for start, end in zip(self._starts[:, rows.start], ends, strict=True)]

    def part(self) -> TallyPart:
        """Create a part for one thread."""
        kind = TallyPart if self.steps is None else StepsPart
        return kind(self, self._counts.shape, self._marginals.shape)

    def merge(self, counts: NDArray[Any], marginals: NDArray[Any], sums: list[list[int]]) -> None:
        """Merge the counts of one thread or another process."""
        with self._lock:
            self._counts += counts
            self._marginals += marginals
            for total, more in zip(self._sums, sums, strict=True):
                total[0] += more[0]
                total[1] += more[1]

    def finish(self) -> list[ScoreSet]:
        """The score sets, in the order of `KINDS`."""
        done: list[ScoreSet] = []
        start = 0
        for kind, (slot, end) in enumerate(zip(self.slots.tolist(), self._ends.tolist(), strict=True)):
            done.append(
                IndividualScores(self.values[start:end], self._compared(kind), self.steps)
                if slot < 0
                else self._histogram(slot)
            )
            start = end
        return done

    def _compared(self, kind: int) -> Compared:
        layout = self.layout
        count = int(self._per_kind[kind])
        return Compared(kind, count, layout.within, layout.own, self.probes, self.references, layout.stripes)

    def _histogram(self, slot: int) -> ScoreHistogram:
        from deidkit.comparison.pair_kernels import FIXED_BITS

        count = int(self._counts[slot].sum())
        total, squares = self._sums[slot]
        unit = (self.high - self.low) / 2**FIXED_BITS
        # In integers, without cancellation: constant scores have a deviation of exactly 0.
        spread = (count * squares - total * total) / count**2
        return ScoreHistogram(
            counts=self._counts[slot],
            low=self.low,
            high=self.high,
            mean=self.low + unit * (total / count),
            std=unit * spread**0.5,
            marginals=self._marginals[slot],
        )


class TallyPart:
    """Counts of one thread that are not merged yet."""

    def __init__(self, tally: Tally, counts: tuple[int, ...], marginals: tuple[int, ...]) -> None:
        self._tally = tally
        self._counts = np.zeros(counts, dtype=np.uint32)
        self._marginals = np.zeros(marginals, dtype=np.uint32)
        self._sums = [[0, 0] for _ in range(counts[0])]
        self._comparisons = 0

    def add(self, rows: slice, columns: slice, scores: NDArray[Any]) -> bool:
        """Process a block of a row, from left to right, in one thread; whether all scores are within the range."""
        from deidkit.comparison.pair_kernels import FIXED_BITS, tally

        whole = self._tally
        sums = np.zeros((len(self._sums), 3), dtype=np.int64)
        valid = tally(
            scores,
            (rows.start, columns.start),
            whole.layout.within,
            whole.layout.own,
            whole.probes,
            whole.references,
            whole.limits,
            whole.slots,
            whole.positions,
            whole.values,
            self._counts,
            self._marginals,
            sums,
        )
        for total, (scores_sum, low, high) in zip(self._sums, sums.tolist(), strict=True):
            total[0] += scores_sum
            total[1] += low + (high << FIXED_BITS)
        self._added(scores.size)
        return valid

    def _added(self, comparisons: int) -> None:
        self._comparisons += comparisons
        if self._comparisons > _FLUSH:
            self.flush()

    def flush(self) -> None:
        """Hand in what was counted."""
        self._tally.merge(self._counts, self._marginals, self._sums)
        self._counts[:] = 0
        self._marginals[:] = 0
        self._sums = [[0, 0] for _ in self._sums]
        self._comparisons = 0


class StepsPart(TallyPart):
    """`TallyPart` for distances in steps: each step is counted, and binned at the end."""

    def __init__(self, tally: Tally, counts: tuple[int, ...], marginals: tuple[int, ...]) -> None:
        from deidkit.comparison.pair_kernels import FIXED_BITS

        super().__init__(tally, counts, marginals)
        assert tally.steps is not None
        one = 1 << FIXED_BITS
        distances = np.arange(tally.steps + 1) / tally.steps
        fixed = (distances - tally.low) * (one / (tally.high - tally.low)) + 0.5  # as `count_scores` has it
        self._fixed = np.clip(fixed, 0.0, one).astype(np.int64)
        inside = np.minimum(self._fixed, one - 1)
        self._bins = inside * counts[1] >> FIXED_BITS
        self._coarse = (inside * marginals[2] >> FIXED_BITS).astype(np.uint16)
        there = np.flatnonzero((distances >= tally.limits[0]) & (distances <= tally.limits[1]))
        self._allowed = range(int(there[0]), int(there[-1]) + 1) if len(there) else range(0)
        self._often = np.zeros((counts[0], tally.steps + 1), dtype=np.int64)

    def add(self, rows: slice, columns: slice, scores: NDArray[Any]) -> bool:
        """Take a block; see `TallyPart.add`."""
        from deidkit.comparison.step_kernels import tally_steps

        whole = self._tally
        valid: bool = tally_steps(
            scores,
            (rows.start, columns.start),
            whole.layout.within,
            whole.layout.own,
            whole.probes,
            whole.references,
            (self._allowed.start, self._allowed.stop),
            whole.slots,
            whole.positions,
            whole.values,
            self._coarse,
            self._often,
            self._marginals,
        )
        self._added(scores.size)
        return valid

    def flush(self) -> None:
        """Hand in what was counted."""
        fixed = self._fixed.tolist()
        for slot, often in enumerate(self._often):
            np.add.at(self._counts[slot], self._bins, often.astype(np.uint32))
            self._sums[slot][0] += sum(number * count for number, count in zip(fixed, often.tolist(), strict=True))
            self._sums[slot][1] += sum(number**2 * count for number, count in zip(fixed, often.tolist(), strict=True))
        self._often[:] = 0
        super().flush()


def _sums(words: NDArray[np.int64]) -> list[list[int]]:
    """The sums of each histogram that a state holds in words."""
    return [
        [sum(word << shift for word, shift in zip(row[half : half + 3], (0, 63, 126), strict=True)) for half in (0, 3)]
        for row in words.tolist()
    ]


def _labels(templates: Templates) -> NDArray[np.int32]:
    return np.array([templates.sources, templates.subjects], dtype=np.int32)


def pairs_per_row(layout: Layout) -> NDArray[np.int64]:
    """(kinds, probes) int64: number of comparisons of each kind for each probe, without making them."""
    probes, gallery, within = layout.probes, layout.gallery, layout.within
    everything = np.zeros(len(probes), dtype=np.int64)
    for stripe in layout.stripes:
        numbers = np.arange(stripe.rows.start, stripe.rows.stop)
        for part in stripe.columns:
            first = np.maximum(part.start, numbers + 1) if within else part.start
            everything[stripe.rows] += np.maximum(part.stop - first, 0)
    if within:
        same_identity = layout.own[1] - 1 - np.arange(len(probes))
        same_source = _following(probes.sources)
    else:
        same_identity = layout.own[1] - layout.own[0]
        same_source = _occurrences(probes.sources, gallery.sources)
    return np.stack([same_source, same_identity - same_source, everything - same_identity])


def _following(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Number of later labels that equal each one."""
    order = np.argsort(labels, kind="stable")
    ends = np.searchsorted(labels[order], labels[order], side="right")
    following = np.empty(len(labels), dtype=np.int64)
    following[order] = ends - 1 - np.arange(len(labels))
    return following


def _occurrences(labels: NDArray[Any], among: NDArray[Any]) -> NDArray[np.int64]:
    """How often each label occurs among others."""
    ordered = np.sort(among)
    return (np.searchsorted(ordered, labels, side="right") - np.searchsorted(ordered, labels)).astype(np.int64)
