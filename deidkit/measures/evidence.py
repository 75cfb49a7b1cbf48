"""Scores with their subjects, for leave-one-person-out computation of metrics."""

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
"""Maximum number of counters, subjects x distinct values, for one kind of scores."""

MOST_VALUES, FEWEST_VALUES = 4_096, 256
"""Limits of the number of bins per kind of scores in leave-one-out; point estimates use exact scores."""


class Differentiable(Protocol):
    """A metric that can be recomputed without one person."""

    @property
    def name(self) -> str:
        """Name of the metric."""
        ...

    @property
    def compute(self) -> Callable[[MetricInputs], float]:
        """Function that computes the metric."""
        ...

    @property
    def smooth(self) -> Callable[[MetricInputs], float] | None:
        """Continuous version of `compute`, interpolated between distances; None to use `compute` itself."""
        ...


@dataclass(frozen=True)
class Influence:
    """Each person's contribution to a metric, by the delete-one jackknife over people.

    Attributes:
        value: The metric.
        subjects: (n,) int32 subject numbers.
        pseudo_values: (n,) float64 ``value + (n - 1) (mean leave-one-out value - value without this person)``; their
            mean is `value`. For a share of comparisons they are each person's own share.
        bias: Jackknife estimate of the bias of `value`.
    """

    value: float
    subjects: NDArray[np.int32]
    pseudo_values: NDArray[np.float64]
    bias: float

    @property
    def standard_error(self) -> float:
        """Standard error of the metric over people."""
        return float(self.pseudo_values.std(ddof=1) / np.sqrt(len(self.subjects)))


def influence_of_shares(values: NDArray[np.floating], subjects: NDArray[np.int32]) -> Influence:
    """Contributions to a mean over (t,) trials with their (t,) subjects, e.g. to an attack's success rate."""
    people, rows = np.unique(subjects, return_inverse=True)
    counts, sums = np.bincount(rows), np.bincount(rows, weights=values)
    mean = float(sums.sum() / counts.sum())
    return Influence(mean, people.astype(np.int32), mean + (sums - mean * counts) / counts.mean(), 0.0)


class Evidence:
    """Scores and searches of an audit by kind.

    Args:
        sets: Kind -> scores; kinds without scores are absent.
        searches: Gallery policy -> search.
        missing: Kind of score -> reason why it is absent, and remedy.
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
        """Subject numbers that occur in some kinds of scores, ascending."""
        found = [self._subjects[kind] for kind in kinds if kind in self._subjects]
        return np.unique(np.concatenate(found)).astype(np.int32) if found else np.empty(0, dtype=np.int32)

    def fewest_subjects(self, kinds: Sequence[str]) -> int:
        """Smallest number of subjects among some kinds of scores."""
        return min((len(self._subjects[kind]) for kind in kinds if kind in self._subjects), default=0)

    def narrowest(self, kinds: Sequence[str]) -> tuple[str, ...]:
        """The kind with the fewest subjects among some kinds of scores, as a tuple; the first in case of ties."""
        return tuple(sorted((k for k in kinds if k in self._subjects), key=lambda kind: len(self._subjects[kind]))[:1])

    def accepted(self, kind: str, threshold: float) -> Acceptance:
        """Count accepted comparisons of one kind for each person. Raises NotComputable if there are none."""
        _ = self.inputs[kind]
        return self.sets[kind].accepted(threshold)

    def leave_each_out(self, metrics: Sequence[Differentiable]) -> None:
        """Compute metrics without each person in turn, for `influence`.

        One pass over the people serves all metrics. Its cost is people x metrics x values, whatever the number of
        scores.
        """
        functions = [(metric, metric.smooth or metric.compute) for metric in metrics]
        everybody = self.subjects(list(self.sets))
        counts = self._counts(len(everybody))
        searches = self.inputs.identifications
        # binned like the leave-one-out values, for a consistent bias
        whole = MetricInputs({kind: c.without(-1) for kind, c in counts.items()}, searches)
        self._whole = {metric.name: _value_or_nan(compute, whole) for metric, compute in functions}
        found = np.full((len(functions), len(everybody)), np.nan)
        for column, subject in enumerate(everybody):
            without = MetricInputs({kind: c.without(int(subject)) for kind, c in counts.items()}, searches)
            for row, (_, compute) in enumerate(functions):
                found[row, column] = _value_or_nan(compute, without)
        self._without = {metric.name: row for (metric, _), row in zip(functions, found, strict=True)}

    def influence(self, name: str, value: float, kinds: Sequence[str]) -> Influence:
        """Compute the contribution of each person in some kinds of scores to a metric.

        Args:
            name: Name of a metric that was passed to `leave_each_out`.
            value: The reported value of the metric.
            kinds: Kinds of scores whose subjects are used.

        Raises:
            NotComputable: The metric is undefined without one of them.
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


def _value_or_nan(compute: Callable[[MetricInputs], float], inputs: MetricInputs) -> float:
    try:
        return compute(inputs)
    except NotComputable:
        return float("nan")
