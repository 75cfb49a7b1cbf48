"""Contributions of each person to each number of an audit, by which audits of the same people are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deidkit.errors import NotComputable
from deidkit.measures.acquisition import Acquisition
from deidkit.measures.evidence import Evidence, Influence, influence_of_shares
from deidkit.measures.intervals import NoInterval, ProbeInterval
from deidkit.measures.means import Value
from deidkit.measures.metric import ScoreMetric
from deidkit.result import Estimate


class MetricKey(NamedTuple):
    """The position of a number in a result.

    Attributes:
        scope: ``recognizer``, ``cell``, ``quality`` or ``usability``.
        engine: Label; empty for numbers of originals.
        recognizer: Label; empty for quality and usability.
    """

    scope: str
    engine: str
    recognizer: str
    metric: str


Contributions = Mapping[MetricKey, Influence]


def left_out(metrics: Sequence[ScoreMetric]) -> list[ScoreMetric]:
    """Those metrics that must be computed without each person to know what people contribute."""
    return [metric for metric in metrics if not isinstance(metric.interval, NoInterval | ProbeInterval)]


def of_scores(
    metrics: Sequence[ScoreMetric], evidence: Evidence, estimates: Mapping[str, Estimate]
) -> dict[str, Influence]:
    """What each person contributes to metrics of scores.

    `Evidence.leave_each_out` must have been called for the metrics that `left_out` names.

    Returns:
        Name -> influence; a metric that has no value, or none without one of the people, is absent.
    """
    found = {}
    for metric in metrics:
        value = estimates[metric.name].value
        if value is None or isinstance(metric.interval, NoInterval):
            continue
        with suppress(NotComputable):
            if isinstance(metric.interval, ProbeInterval):
                search = evidence.inputs.search(metric.interval.policy)
                found[metric.name] = influence_of_shares(100.0 * search.hit_probability(1), search.subjects)
            else:
                found[metric.name] = evidence.influence(metric.name, value, evidence.narrowest(metric.kinds))
    return found


def of_failures(acquisition: Acquisition) -> Influence | None:
    """What each person contributes to the failure-to-acquire rate in percent; None where nothing was attempted."""
    if not len(acquisition.subjects):
        return None
    failed_and_not = np.stack([acquisition.failures, acquisition.attempts - acquisition.failures], axis=1)
    values = np.repeat(np.tile([100.0, 0.0], len(acquisition.subjects)), failed_and_not.ravel())
    return influence_of_shares(values, np.repeat(acquisition.subjects, acquisition.attempts))


def of_pictures(values: Sequence[Value], subjects: NDArray[np.int32]) -> Influence | None:
    """What each of (n,) subjects contributes to a mean over n pictures; None where no picture has a value."""
    known = [index for index, value in enumerate(values) if not isinstance(value, str)]
    if not known:
        return None
    numbers = np.array([values[index] for index in known], dtype=np.float64)
    return influence_of_shares(numbers, subjects[known])
