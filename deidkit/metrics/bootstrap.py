"""Intervals by resampling subjects: two comparisons of one person are not two pieces of evidence.

Resampling comparisons instead covers 50 % where it says 95 %; resampling subjects on both sides of a comparison covers
about 87 % at 30 subjects (Bolle, Ratha and Pankanti 2004 for the idea), which is why intervals are called approximate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidkit.errors import NotComputable
from deidkit.metrics.draw import Draw, Resampler
from deidkit.metrics.measures import Measure
from deidkit.scores import Identification, ScoreSet

MIN_SUBJECTS = 5
"""Fewer subjects than this are not resampled."""

CONFIDENCE = 0.95


@dataclass(frozen=True)
class BootstrapSettings:
    """How intervals are made.

    Attributes:
        resamples: How many times the subjects are drawn; 0 for no intervals.
        seed: Of the draws.
    """

    resamples: int = 1000
    seed: int = 0


@dataclass(frozen=True)
class Interval:
    """An interval or why there is none.

    Attributes:
        low: Lower end.
        high: Upper end.
        text: How it was made.
    """

    low: float | None
    high: float | None
    text: str


def intervals(
    measures: Sequence[Measure],
    sets: Mapping[str, ScoreSet],
    identifications: Mapping[str, Identification],
    settings: BootstrapSettings,
) -> dict[str, Interval]:
    """Percentile bootstrap of all measures at once.

    Args:
        measures: What to compute on each resample.
        sets: Kind -> scores.
        identifications: Gallery policy -> search.
        settings: How.

    Returns:
        Name of the measure -> interval.
    """
    subjects = _subjects(sets)
    wanted = [measure for measure in measures if measure.interval]
    if settings.resamples == 0:
        return {measure.name: Interval(None, None, "none asked for") for measure in wanted}
    if len(subjects) < MIN_SUBJECTS:
        text = f"not computed: {len(subjects)} subjects are too few to resample, at least {MIN_SUBJECTS} are needed"
        return {measure.name: Interval(None, None, text) for measure in wanted}
    resamplers = {kind: Resampler(scores) for kind, scores in sets.items()}
    generator = np.random.default_rng(settings.seed)
    drawn = np.full((len(wanted), settings.resamples), np.nan)
    for column in range(settings.resamples):
        weights = np.zeros(int(subjects[-1]) + 1)
        weights[subjects] = generator.multinomial(len(subjects), np.full(len(subjects), 1 / len(subjects)))
        draw = Draw({kind: r.draw(weights) for kind, r in resamplers.items()}, identifications, weights)
        for row, measure in enumerate(wanted):
            try:
                drawn[row, column] = measure.compute(draw)
            except NotComputable:
                continue
    return {
        measure.name: _interval(measure, values, len(subjects), settings)
        for measure, values in zip(wanted, drawn, strict=True)
    }


def _subjects(sets: Mapping[str, ScoreSet]) -> NDArray[np.int32]:
    found = [scores.subjects for scores in sets.values()]
    return np.unique(np.concatenate(found)).astype(np.int32) if found else np.empty(0, dtype=np.int32)


def _interval(measure: Measure, values: NDArray[np.float64], subjects: int, settings: BootstrapSettings) -> Interval:
    computed = values[np.isfinite(values)]
    if len(computed) < CONFIDENCE * settings.resamples:
        return Interval(None, None, "not computed: too many resamples leave the metric undefined; use more subjects")
    tail = (1 - CONFIDENCE) / 2
    low, high = (float(end) for end in np.quantile(computed, [tail, 1 - tail]))
    if measure.proportion and low == high and low in (0.0, 100.0):
        # No resample differs, which says little about people who were not seen: the exact bound for none in n does.
        bound = 100 * (1 - tail ** (1 / subjects))
        text = f"95 % exact bound for no exception among {subjects} subjects"
        return Interval(0.0, bound, text) if low == 0.0 else Interval(100.0 - bound, 100.0, text)
    if low == high:
        return Interval(None, None, "not computed: no resample differs, which says nothing about people not seen")
    return Interval(
        low, high, f"95 % percentile bootstrap over {subjects} subjects, {settings.resamples} resamples, approximate"
    )
