"""Means over pictures, with intervals over the subjects they show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from deidkit.metrics.bootstrap import CONFIDENCE, MIN_SUBJECTS, BootstrapSettings
from deidkit.result import Estimate

Value = float | str
"""A number, or why there is none."""


def mean_estimate(
    values: Sequence[Value],
    subjects: NDArray[np.int32],
    settings: BootstrapSettings,
    *,
    unit: str,
    safer: Literal["higher", "lower"] | None,
    parameters: dict[str, Any],
) -> Estimate:
    """Mean of what could be computed, its spread over pictures, and its interval by resampling subjects.

    Args:
        values: One for each picture.
        subjects: (n,) subject number of each.
        settings: How the interval is made.
        unit: Of the values.
        safer: Which way is better.
        parameters: What defines the values.

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
    low, high, text = _interval(numbers, places, len(owners), settings)
    return Estimate(
        value=float(numbers.mean()),
        unit=unit,
        safer=safer,
        low=low,
        high=high,
        interval=text,
        subjects=len(owners),
        comparisons=len(numbers),
        parameters=parameters
        | {"standard_deviation_over_pictures": float(numbers.std())}
        | ({"pictures_without": dict(missing)} if missing else {}),
    )


def _interval(
    numbers: NDArray[np.float64], places: NDArray[np.intp], subjects: int, settings: BootstrapSettings
) -> tuple[float | None, float | None, str]:
    if settings.resamples == 0:
        return None, None, "none asked for"
    if subjects < MIN_SUBJECTS:
        too_few = f"not computed: {subjects} subjects are too few to resample, at least {MIN_SUBJECTS} are needed"
        return None, None, too_few
    sums = np.bincount(places, weights=numbers, minlength=subjects)
    counts = np.bincount(places, minlength=subjects)
    generator = np.random.default_rng(settings.seed)
    weights = generator.multinomial(subjects, np.full(subjects, 1 / subjects), size=settings.resamples)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile((weights @ sums) / (weights @ counts), [tail, 1 - tail])
    text = f"95 % percentile bootstrap over {subjects} subjects, {settings.resamples} resamples, approximate"
    return float(low), float(high), text
