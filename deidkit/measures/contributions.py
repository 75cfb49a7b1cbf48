"""Each person's contribution to each number of an audit; paired comparisons of audits need them."""

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
        engine: Label of the engine; empty for numbers of originals.
        recognizer: Label of the recognizer; empty for quality and usability.
    """

    scope: str
    engine: str
    recognizer: str
    metric: str


Contributions = Mapping[MetricKey, Influence]


def left_out(metrics: Sequence[ScoreMetric]) -> list[ScoreMetric]:
    """Select the metrics that need leave-one-person-out computation for their contributions."""
    return [metric for metric in metrics if not isinstance(metric.interval, NoInterval | ProbeInterval)]


def of_scores(
    metrics: Sequence[ScoreMetric], evidence: Evidence, estimates: Mapping[str, Estimate]
) -> dict[str, Influence]:
    """Compute each person's contribution to metrics of scores.

    `Evidence.leave_each_out` must have been called with the metrics that `left_out` selects.

    Returns:
        Name -> influence; without metrics that have no value or are undefined without one of the people.
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
    """Compute each person's contribution to the failure-to-acquire rate in percent; None without attempts."""
    if not len(acquisition.subjects):
        return None
    failed_and_not = np.stack([acquisition.failures, acquisition.attempts - acquisition.failures], axis=1)
    values = np.repeat(np.tile([100.0, 0.0], len(acquisition.subjects)), failed_and_not.ravel())
    return influence_of_shares(values, np.repeat(acquisition.subjects, acquisition.attempts))


def of_pictures(values: Sequence[Value], subjects: NDArray[np.int32]) -> Influence | None:
    """Compute each subject's contribution to a mean over (n,) pictures; None if no picture has a value."""
    known = [index for index, value in enumerate(values) if not isinstance(value, str)]
    if not known:
        return None
    numbers = np.array([values[index] for index in known], dtype=np.float64)
    return influence_of_shares(numbers, subjects[known])
