"""Keeps the scores of each kind while blocks of them come in: one by one where they are few, counted where not."""

from __future__ import annotations

from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidkit.comparison.histogram import BINS, MARGINAL_BINS, ScoreHistogram
from deidkit.comparison.pairs import Templates
from deidkit.scores import Scores, ScoreSet

_FLUSH = 2**31
"""Comparisons after which a part's 32-bit counters are emptied, before any of them can overflow."""


class Tally:
    """The scores of two sets of templates by kind.

    Scores kept one by one stand in the order of their probes and references; counts and sums are integers: neither
    depends on the order in which blocks come in. Each thread fills a `TallyPart` of its own.
    """

    def __init__(
        self, probes: Templates, gallery: Templates, score_range: tuple[float, float], max_scores: int, *, within: bool
    ) -> None:
        self.probes, self.references = _labels(probes), _labels(gallery)
        self.within = within
        self.low, self.high = score_range
        slack = 1e-6 * max(1.0, self.high - self.low)
        self.limits = np.array([self.low - slack, self.high + slack, self.low, self.high])
        per_row = pairs_per_row(probes, gallery, within=within)
        totals = per_row.sum(axis=1)
        counted = totals > max_scores
        self.slots = np.where(counted, np.cumsum(counted) - 1, -1).astype(np.int64)
        exact = np.where(counted[:, None], 0, per_row)
        self.positions = (np.cumsum(exact.ravel()) - exact.ravel()).reshape(per_row.shape)
        self._ends = np.cumsum(exact.sum(axis=1))
        self.values = np.empty(self._ends[-1])
        self.subjects = np.empty((2, self._ends[-1]), dtype=np.int32)
        histograms = int(counted.sum())
        people = int(max(probes.subjects.max(initial=-1), gallery.subjects.max(initial=-1))) + 1
        self._counts = np.zeros((histograms, BINS), dtype=np.int64)
        self._marginals = np.zeros((histograms, people, MARGINAL_BINS))
        self._sums = [[0, 0] for _ in range(histograms)]
        self._lock = Lock()

    def part(self) -> TallyPart:
        """A part for one thread."""
        return TallyPart(self, self._counts.shape, self._marginals.shape)

    def merge(self, counts: NDArray[np.int64], marginals: NDArray[np.uint32], sums: list[list[int]]) -> None:
        """Take what one thread has counted."""
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
        for slot, end in zip(self.slots, self._ends, strict=True):
            if slot < 0:
                done.append(Scores(self.values[start:end], self.subjects[0, start:end], self.subjects[1, start:end]))
            else:
                done.append(self._histogram(int(slot)))
            start = end
        return done

    def _histogram(self, slot: int) -> ScoreHistogram:
        from deidkit.comparison.pair_kernels import FIXED_BITS

        count = int(self._counts[slot].sum())
        total, squares = self._sums[slot]
        unit = (self.high - self.low) / 2**FIXED_BITS
        # In integers, so that nothing cancels: constant scores have a deviation of exactly 0.
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
    """What one thread has counted and not yet handed in."""

    def __init__(self, tally: Tally, counts: tuple[int, ...], marginals: tuple[int, ...]) -> None:
        self._tally = tally
        self._counts = np.zeros(counts, dtype=np.int64)
        self._marginals = np.zeros(marginals, dtype=np.uint32)
        self._sums = [[0, 0] for _ in range(counts[0])]
        self._comparisons = 0

    def add(self, rows: slice, columns: slice, scores: NDArray[np.float64]) -> bool:
        """Take a block; the blocks of one row come from one thread, from left to right.

        Returns:
            Whether all scores are numbers within the range.
        """
        from deidkit.comparison.pair_kernels import FIXED_BITS, tally

        whole = self._tally
        positions = np.ascontiguousarray(whole.positions[:, rows])
        sums = np.zeros((len(self._sums), 3), dtype=np.int64)
        valid = tally(
            scores,
            rows.start,
            columns.start,
            whole.within,
            np.ascontiguousarray(whole.probes[:, rows]),
            np.ascontiguousarray(whole.references[:, columns]),
            whole.limits,
            (BINS.bit_length() - 1, MARGINAL_BINS.bit_length() - 1),
            whole.slots,
            positions,
            whole.values,
            whole.subjects,
            self._counts,
            self._marginals,
            sums,
        )
        whole.positions[:, rows] = positions
        for total, (scores_sum, low, high) in zip(self._sums, sums.tolist(), strict=True):
            total[0] += scores_sum
            total[1] += low + (high << FIXED_BITS)
        self._comparisons += scores.size
        if self._comparisons > _FLUSH:
            self.flush()
        return valid

    def flush(self) -> None:
        """Hand in what was counted."""
        self._tally.merge(self._counts, self._marginals, self._sums)
        self._counts[:] = 0
        self._marginals[:] = 0
        self._sums = [[0, 0] for _ in self._sums]
        self._comparisons = 0


def _labels(templates: Templates) -> NDArray[np.int32]:
    return np.array([templates.sources, templates.identities, templates.subjects], dtype=np.int32)


def pairs_per_row(probes: Templates, gallery: Templates, *, within: bool) -> NDArray[np.int64]:
    """(kinds, probes) int64: how many comparisons of each kind each probe will have, without making them."""
    count = len(probes)
    if within:
        everything = np.arange(count - 1, -1, -1, dtype=np.int64)
        same_source, same_identity = _following(probes.sources), _following(probes.identities)
    else:
        everything = np.full(count, len(gallery), dtype=np.int64)
        same_source = _occurrences(probes.sources, gallery.sources)
        same_identity = _occurrences(probes.identities, gallery.identities)
    return np.stack([same_source, same_identity - same_source, everything - same_identity])


def _following(labels: NDArray[Any]) -> NDArray[np.int64]:
    """How many later labels equal each one."""
    order = np.argsort(labels, kind="stable")
    ends = np.searchsorted(labels[order], labels[order], side="right")
    following = np.empty(len(labels), dtype=np.int64)
    following[order] = ends - 1 - np.arange(len(labels))
    return following


def _occurrences(labels: NDArray[Any], among: NDArray[Any]) -> NDArray[np.int64]:
    """How often each label occurs among others."""
    ordered = np.sort(among)
    return (np.searchsorted(ordered, labels, side="right") - np.searchsorted(ordered, labels)).astype(np.int64)
