"""The least favourable of several numbers, with an interval that accounts for having chosen it.

The worst of many recognizers or attackers looks worse by chance alone, and each one's own interval knows nothing of the
choice. So all of them are drawn again together, person by person, and the worst is taken in each draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from deidkit.errors import NotComputable
from deidkit.measures.evidence import Evidence, Influence
from deidkit.measures.intervals import DEFAULT_SETTINGS, MIN_SUBJECTS
from deidkit.measures.metric import ScoreMetric
from deidkit.protocols import IntervalSettings

_AT_ONCE = 2**22
"""Weights drawn at a time."""


@dataclass(frozen=True)
class LeastFavourable:
    """The worst of several numbers.

    Attributes:
        index: Which one: that with the least favourable bound.
        value: Its number.
        low: Lower end of the interval of the worst of all; None where there is none.
        high: Upper end.
        text: How the interval was made.
        subjects: Number of people behind it.
    """

    index: int
    value: float
    low: float | None
    high: float | None
    text: str
    subjects: int


def influences(metrics: Sequence[ScoreMetric], evidence: Evidence) -> dict[str, Influence]:
    """What each person contributes to each metric that is defined on some scores.

    Args:
        metrics: Those wanted. Identification rates rest on a search, not on scores: see `influence_of_shares`.
        evidence: The scores.

    Returns:
        Name -> influence; a metric that is not defined, on all people or without one of them, is absent.
    """
    evidence.leave_each_out(metrics)
    found = {}
    for metric in metrics:
        with suppress(NotComputable):
            value = metric.compute(evidence.inputs)
            found[metric.name] = evidence.influence(metric.name, value, evidence.narrowest(metric.kinds))
    return found


def influence_of_shares(values: NDArray[np.floating], subjects: NDArray[np.int32]) -> Influence:
    """What each person contributes to a mean over trials, e.g. to the share of an attack's successes.

    Args:
        values: (t,) one for each trial.
        subjects: (t,) subject number of each.
    """
    people, rows = np.unique(subjects, return_inverse=True)
    counts, sums = np.bincount(rows), np.bincount(rows, weights=values)
    mean = float(sums.sum() / counts.sum())
    return Influence(mean, people.astype(np.int32), mean + (sums - mean * counts) / counts.mean(), 0.0)


def least_favourable(
    candidates: Sequence[Influence],
    safer: Literal["higher", "lower"],
    ends: tuple[float, float] | None = None,
    *,
    draws: int = 20_000,
    seed: int = 0,
    settings: IntervalSettings = DEFAULT_SETTINGS,
) -> LeastFavourable:
    """The worst of several numbers of one kind, with an interval for the worst of all.

    In each draw the people are weighted by the flat Dirichlet distribution, as in `bounds.mean_bounds` with one person
    more at the unfavourable end of the range; every candidate gets the same weights, and the worst of them is kept.
    Numbers without natural ends get normal deviations with the covariance of the people, stretched to Student's t.

    Args:
        candidates: One for each recognizer or attacker, at least one.
        safer: Which way is better; the worst is the opposite.
        ends: Smallest and largest value possible; None where there are none.
        draws: How many times the people are drawn.
        seed: Of the draws.
        settings: How the interval is made.

    Returns:
        The candidate with the least favourable bound, and the interval of the worst.
    """
    sign = 1.0 if safer == "lower" else -1.0  # the largest is the worst
    people = np.unique(np.concatenate([candidate.subjects for candidate in candidates]))
    values = sign * np.array([candidate.value for candidate in candidates])
    fewest = min(len(candidate.subjects) for candidate in candidates)
    if fewest < MIN_SUBJECTS and ends is None:
        worst = int(values.argmax())
        text = (
            f"not computed: {fewest} subjects are too few to see how people differ, at least {MIN_SUBJECTS} are needed"
        )
        return LeastFavourable(worst, candidates[worst].value, None, None, text, len(people))
    deviations = np.zeros((len(people), len(candidates)))
    for column, candidate in enumerate(candidates):
        rows = np.searchsorted(people, candidate.subjects)
        scale = len(people) / len(candidate.subjects)
        deviations[rows, column] = sign * scale * (candidate.pseudo_values - candidate.value)
    tails = [(1.0 - settings.confidence) / 2.0, (1.0 + settings.confidence) / 2.0]
    limits = None if ends is None else sorted(sign * end for end in ends)
    low_draws, high_draws = _drawn(values, deviations, limits, draws, seed)
    if limits is None:
        stretch = float(stdtrit(fewest - 1, tails[1]) / ndtri(tails[1]))
        low_draws, high_draws = (values + stretch * (drawn - values) for drawn in (low_draws, high_draws))
    own = np.quantile(high_draws, tails[1], axis=0)
    worst = int(np.lexsort((values, own))[-1])
    # the worst of all is no better than any one; that all bounds hold at once takes Bonferroni's share of the error
    low = float(np.quantile(low_draws, tails[0] / len(candidates), axis=0).max())
    high = float(np.quantile(high_draws.max(axis=1), tails[1]))
    low, high = sorted((sign * min(low, float(values[worst])), sign * max(high, float(values.max()))))
    of = f"the worst of {len(candidates)}" if len(candidates) > 1 else "one"
    text = (
        f"{100 * settings.confidence:g} %, two-sided, {len(people)} subjects: {of}, {draws} joint draws of the subjects"
    )
    return LeastFavourable(worst, candidates[worst].value, low, high, text, len(people))


def _drawn(
    values: NDArray[np.float64],
    deviations: NDArray[np.float64],
    limits: list[float] | None,
    draws: int,
    seed: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(draws, candidates) numbers for the lower and for the upper end."""
    generator = np.random.default_rng(seed)
    people = len(deviations)
    lows, highs = [], []
    step = max(1, _AT_ONCE // (people + 1))
    for start in range(0, draws, step):
        count = min(step, draws - start)
        if limits is None:
            normal = generator.standard_normal((count, people)) @ deviations
            lows.append(values + normal / np.sqrt(people * (people - 1)))
            continue
        weights = generator.standard_exponential((count, people + 1))
        weights /= weights.sum(axis=1, keepdims=True)
        drawn, extra = values + weights[:, :-1] @ deviations, weights[:, -1:]
        lows.append(np.maximum(drawn + extra * (limits[0] - values), limits[0]))
        highs.append(np.minimum(drawn + extra * (limits[1] - values), limits[1]))
    low = np.concatenate(lows)
    return low, np.concatenate(highs) if highs else low
