"""Scores together with the people behind them: what a metric is when one person is left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from deidkit.errors import NotComputable
from deidkit.measures.inputs import MISSING, MetricInputs
from deidkit.scores import Acceptance, Identification, ScoreSet, SubjectCounts

CELLS = 2**22
"""Counters kept for one kind of scores at a time: subjects x values."""

MOST_VALUES, FEWEST_VALUES = 4_096, 256
"""Different values of one kind of scores that are distinguished where subjects are left out; points use every score."""


class Differentiable(Protocol):
    """A metric that can be computed without one person."""

    @property
    def name(self) -> str:
        """Of the metric."""
        ...

    @property
    def compute(self) -> Callable[[MetricInputs], float]:
        """The number."""
        ...

    @property
    def smooth(self) -> Callable[[MetricInputs], float] | None:
        """The same where it may fall between the distances that occur."""
        ...


@dataclass(frozen=True)
class Influence:
    """What each person contributes to a metric, by leaving them out in turn (the delete-one jackknife).

    Attributes:
        subjects: (n,) int32 numbers of the people.
        pseudo_values: (n,) float64 ``value + (n - 1) (mean of the others - the one without this person)``; their mean
            is `value`. For a share of comparisons they are each person's own share.
        bias: What the jackknife finds the number to lie above the one of all people there are.
    """

    value: float
    subjects: NDArray[np.int32]
    pseudo_values: NDArray[np.float64]
    bias: float

    @property
    def standard_error(self) -> float:
        """Of the metric, over people."""
        return float(self.pseudo_values.std(ddof=1) / np.sqrt(len(self.subjects)))


def influence_of_shares(values: NDArray[np.floating], subjects: NDArray[np.int32]) -> Influence:
    """What each of (t,) subjects contributes to a mean over t trials, e.g. to the share of an attack's successes."""
    people, rows = np.unique(subjects, return_inverse=True)
    counts, sums = np.bincount(rows), np.bincount(rows, weights=values)
    mean = float(sums.sum() / counts.sum())
    return Influence(mean, people.astype(np.int32), mean + (sums - mean * counts) / counts.mean(), 0.0)


class Evidence:
    """Scores and searches of an audit by kind.

    Args:
        sets: Kind -> scores; kinds without scores are absent.
        searches: Gallery policy -> search.
        missing: Kind of score -> why there is none, and the remedy.
    """

    def __init__(
        self,
        sets: Mapping[str, ScoreSet],
        searches: Mapping[str, Identification],
        missing: Mapping[str, tuple[str, str]] = MISSING,
    ) -> None:
        self.sets = sets
        self.inputs = MetricInputs({kind: scores.distribution() for kind, scores in sets.items()}, searches, missing)
        self._subjects = {kind: scores.subjects for kind, scores in sets.items()}
        self._without: dict[str, NDArray[np.float64]] = {}
        self._whole: dict[str, float] = {}

    def subjects(self, kinds: Sequence[str]) -> NDArray[np.int32]:
        """Numbers of all people behind some kinds of scores, ascending."""
        found = [self._subjects[kind] for kind in kinds if kind in self._subjects]
        return np.unique(np.concatenate(found)).astype(np.int32) if found else np.empty(0, dtype=np.int32)

    def fewest_subjects(self, kinds: Sequence[str]) -> int:
        """Number of people behind that of some kinds of scores which has the fewest."""
        return min((len(self._subjects[kind]) for kind in kinds if kind in self._subjects), default=0)

    def narrowest(self, kinds: Sequence[str]) -> tuple[str, ...]:
        """That of some kinds of scores which has the fewest people behind it, the first of several."""
        return tuple(sorted((k for k in kinds if k in self._subjects), key=lambda kind: len(self._subjects[kind]))[:1])

    def accepted(self, kind: str, threshold: float) -> Acceptance:
        """How many comparisons of one kind are accepted for each person. Raises NotComputable."""
        _ = self.inputs[kind]
        return self.sets[kind].accepted(threshold)

    def leave_each_out(self, metrics: Sequence[Differentiable]) -> None:
        """Compute metrics without each person in turn; `influence` then knows them.

        One pass over the people serves all metrics. Its cost is people x metrics x values, whatever the number of
        scores.
        """
        functions = [(metric, metric.smooth or metric.compute) for metric in metrics]
        everybody = self.subjects(list(self.sets))
        counts = self._counts(len(everybody))
        searches = self.inputs.identifications
        # grouped as the others are, to be compared with them
        whole = MetricInputs({kind: c.without(-1) for kind, c in counts.items()}, searches)
        self._whole = {metric.name: _computed(compute, whole) for metric, compute in functions}
        found = np.full((len(functions), len(everybody)), np.nan)
        for column, subject in enumerate(everybody):
            without = MetricInputs({kind: c.without(int(subject)) for kind, c in counts.items()}, searches)
            for row, (_, compute) in enumerate(functions):
                found[row, column] = _computed(compute, without)
        self._without = {metric.name: row for (metric, _), row in zip(functions, found, strict=True)}

    def influence(self, name: str, value: float, kinds: Sequence[str]) -> Influence:
        """What each person behind some kinds of scores contributes to a metric.

        Args:
            name: Of a metric that was given to `leave_each_out`.
            value: The metric as it is reported.
            kinds: Kinds of scores it rests on.

        Raises:
            NotComputable: It is not defined without one of them.
        """
        everybody, subjects = self.subjects(list(self.sets)), self.subjects(kinds)
        without = self._without[name][np.searchsorted(everybody, subjects)]
        if not np.isfinite(without).all():
            raise NotComputable("It is not defined without some of the subjects.", "Use more subjects.")
        others = len(subjects) - 1
        bias = others * (float(without.mean()) - self._whole[name])
        return Influence(value, subjects, value + others * (without.mean() - without), bias)

    def _counts(self, people: int) -> dict[str, SubjectCounts]:
        values = int(np.clip(CELLS // max(people, 1), FEWEST_VALUES, MOST_VALUES))
        return {kind: scores.by_subject(values) for kind, scores in self.sets.items()}


def _computed(compute: Callable[[MetricInputs], float], inputs: MetricInputs) -> float:
    try:
        return compute(inputs)
    except NotComputable:
        return float("nan")
