"""Means over pictures, with intervals over subjects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from deidkit.measures.bounds import mean_bounds
from deidkit.measures.intervals import MIN_SUBJECTS, NONE_ASKED_FOR, Interval, bounded, student, too_few
from deidkit.protocols import IntervalSettings
from deidkit.result import Estimate

Value = float | str
"""A number, or the reason why it is missing."""


def mean_estimate(
    values: Sequence[Value],
    subjects: NDArray[np.int32],
    settings: IntervalSettings | None,
    *,
    unit: str,
    safer: Literal["higher", "lower"] | None,
    parameters: dict[str, object],
    ends: tuple[float, float] | None = None,
) -> Estimate:
    """Compute the mean over pictures that have a value, its standard deviation, and its interval over subjects.

    Args:
        values: (n,) value of each picture, or the reason why it has none.
        subjects: (n,) subject number of each picture.
        settings: Settings of the interval; None for no interval.
        unit: Unit of the values.
        safer: Direction in which the metric is better.
        parameters: Parameters that define the values.
        ends: Range of the values, for rare events, which may not occur in the sample at all; the interval is then a
            bound of the mean over people, otherwise that of Student's t.

    Returns:
        The mean; its parameters include ``standard_deviation_over_pictures`` (population form) and
        ``pictures_without``, the numbers of pictures without a value by reason. Only reasons if no picture has a value.
    """
    missing = Counter(value for value in values if isinstance(value, str))
    if len(values) == missing.total():
        reasons = "; ".join(reason for reason, _ in missing.most_common()) or "the engine produced no picture"
        return Estimate(
            value=None, unit=unit, safer=safer, reason=f"{reasons[0].upper()}{reasons[1:]}.", parameters=parameters
        )
    known = [index for index, value in enumerate(values) if not isinstance(value, str)]
    numbers = np.array([values[index] for index in known], dtype=np.float64)
    owners, places = np.unique(subjects[known], return_inverse=True)
    found = NONE_ASKED_FOR if settings is None else _interval(numbers, places, len(owners), settings, ends)
    return Estimate(
        value=float(numbers.mean()),
        unit=unit,
        safer=safer,
        low=found.low,
        high=found.high,
        interval=found.text,
        subjects=len(owners),
        comparisons=len(numbers),
        parameters=parameters
        | {"standard_deviation_over_pictures": float(numbers.std())}
        | ({"pictures_without": dict(missing)} if missing else {}),
    )


def _interval(
    numbers: NDArray[np.float64],
    places: NDArray[np.intp],
    subjects: int,
    settings: IntervalSettings,
    ends: tuple[float, float] | None,
) -> Interval:
    counts = np.bincount(places, minlength=subjects)
    sums = np.bincount(places, weights=numbers, minlength=subjects)
    mean = float(numbers.mean())
    if ends is not None:
        bounds = mean_bounds(sums / counts, counts, lowest=ends[0], highest=ends[1], confidence=settings.confidence)
        what = "bound of the mean over people's own means (Gaffke)"
        return bounded(bounds, mean, ends, subjects, settings, what)
    if subjects < MIN_SUBJECTS:
        return too_few(subjects)
    without = (sums.sum() - sums) / (counts.sum() - counts)
    error = float(np.sqrt((subjects - 1) / subjects * np.square(without - without.mean()).sum()))
    return student(mean, error if np.ptp(sums / counts) > 0.0 else 0.0, subjects, settings)
