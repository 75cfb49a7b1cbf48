"""Sorts the scores of each block by kind and keeps them, one by one or counted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidkit.comparison.histogram import BINS, MARGINAL_BINS, ScoreHistogram
from deidkit.comparison.pairs import KINDS, Templates
from deidkit.scores import Scores, ScoreSet


class Collector:
    """Takes blocks of scores in a fixed order and ends with one score set for each kind."""

    def __init__(
        self, probes: Templates, gallery: Templates, score_range: tuple[float, float], max_scores: int, *, within: bool
    ) -> None:
        self._probes, self._gallery, self._within = probes, gallery, within
        self._low, self._high = score_range
        counts = count_kinds(probes, gallery, within=within)
        subjects = int(max(probes.subjects.max(initial=-1), gallery.subjects.max(initial=-1))) + 1
        self._exact: list[dict[str, Any] | None] = []
        self._counted: list[dict[str, Any] | None] = []
        for count in counts:
            if count <= max_scores:
                self._exact.append(
                    {
                        "values": np.empty(count, dtype=np.float64),
                        "probes": np.empty(count, dtype=np.int32),
                        "references": np.empty(count, dtype=np.int32),
                        "filled": 0,
                    }
                )
                self._counted.append(None)
            else:
                self._exact.append(None)
                self._counted.append(
                    {
                        "counts": np.zeros(BINS, dtype=np.int64),
                        "marginals": np.zeros((subjects, MARGINAL_BINS), dtype=np.int64),
                        "moments": np.zeros(3),
                    }
                )

    def add(self, top: int, left: int, scores: NDArray[np.float64]) -> None:
        """Take one block whose first row and column are `top` and `left`."""
        from deidkit.comparison import kernels

        probes, gallery = self._probes, self._gallery
        rows, columns = scores.shape
        kinds = np.empty(scores.shape, dtype=np.int8)
        totals = kernels.classify(
            probes.sources[top : top + rows],
            probes.identities[top : top + rows],
            gallery.sources[left : left + columns],
            gallery.identities[left : left + columns],
            top,
            left,
            self._within,
            kinds,
        )
        for kind in range(len(KINDS)):
            if not totals[kind]:
                continue
            exact, counted = self._exact[kind], self._counted[kind]
            subjects = (probes.subjects[top : top + rows], gallery.subjects[left : left + columns])
            if exact is not None:
                start = exact["filled"]
                exact["filled"] = start + int(totals[kind])
                part = slice(start, exact["filled"])
                kernels.collect(
                    scores,
                    kinds,
                    kind,
                    *subjects,
                    exact["values"][part],
                    exact["probes"][part],
                    exact["references"][part],
                )
            elif counted is not None:
                kernels.count(
                    scores,
                    kinds,
                    kind,
                    *subjects,
                    self._low,
                    self._high,
                    counted["counts"],
                    counted["marginals"],
                    counted["moments"],
                )

    def finish(self) -> list[ScoreSet]:
        """The score sets, in the order of `KINDS`."""
        done: list[ScoreSet] = []
        for exact, counted in zip(self._exact, self._counted, strict=True):
            if exact is not None:
                done.append(Scores(exact["values"], exact["probes"], exact["references"]))
            elif counted is not None:
                count, total, squares = counted["moments"]
                mean = total / count
                done.append(
                    ScoreHistogram(
                        counts=counted["counts"],
                        low=self._low,
                        high=self._high,
                        mean=mean,
                        std=max(squares / count - mean * mean, 0.0) ** 0.5,
                        marginals=counted["marginals"],
                    )
                )
        return done


def count_kinds(probes: Templates, gallery: Templates, *, within: bool) -> list[int]:
    """How many comparisons of each kind there will be, without making them."""

    def shared(labels: NDArray[Any], others: NDArray[Any]) -> int:
        values, counts = np.unique(labels, return_counts=True)
        if within:
            return int((counts.astype(np.int64) * (counts - 1) // 2).sum())
        other_values, other_counts = np.unique(others, return_counts=True)
        _, mine, theirs = np.intersect1d(values, other_values, return_indices=True)
        return int((counts[mine].astype(np.int64) * other_counts[theirs]).sum())

    size = len(probes.data)
    total = size * (size - 1) // 2 if within else size * len(gallery.data)
    same_source = shared(probes.sources, gallery.sources)
    same_identity = shared(probes.identities, gallery.identities)
    return [same_source, same_identity - same_source, total - same_identity]
