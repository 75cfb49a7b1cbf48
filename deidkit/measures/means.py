"""Means over pictures, with intervals over the subjects they show."""

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
"""A number, or why there is none."""


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
    """Mean of what could be computed, its spread over pictures, and its interval over subjects.

    Args:
        values: One for each picture.
        subjects: (n,) subject number of each.
        settings: How the interval is made; None for none.
        unit: Of the values.
        safer: Which way is better.
        parameters: What defines the values.
        ends: Smallest and largest value possible where the mean is one of rare events, so that none among these people
            does not mean none; the interval is then a bound of the mean over people, and Student's t elsewhere.

    Returns:
        The mean over the pictures that have a value; ``standard_deviation_over_pictures`` (population form) and, by
        reason, ``pictures_without`` stand in its parameters. Where no picture has a value, the reasons.
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
