"""Error rates of a recognizer: FMR, FNMR, their curve and where they are equal.

A comparison is accepted when its distance is at most the threshold (ISO/IEC 19795-1 terms; scores are distances).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidkit.errors import NotComputable
from deidkit.result import Curve
from deidkit.scores import Distribution

EER_RULE = (
    "accept when distance <= threshold; at every distance that occurs FMR and FNMR are exact; the EER is their mean "
    "where they differ least, and of several such places the middle one; the threshold is the middle of the range of "
    "distances over which the rates stay the same"
)
"""The one rule for the equal error rate, as reports state it."""

MAX_CURVE_POINTS = 400
"""Points of a curve in a report, those of `TABLE_FMR` aside."""

TABLE_FMR = (0.001, 0.01, 0.1)
"""False match rates at which tables state the FNMR of a curve."""


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Where FMR and FNMR are equal, or as nearly so as the scores allow.

    Attributes:
        eer: (FMR + FNMR) / 2 there, a share in 0..1.
        threshold: Middle of the interval below.
        low: Smallest threshold with the same rates.
        high: The next distance that occurs, where the rates change; every threshold below it has the same ones.
        fmr: False match rate there.
        fnmr: False non-match rate there.
    """

    eer: float
    threshold: float
    low: float
    high: float
    fmr: float
    fnmr: float


def shares_at(distribution: Distribution, thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of scores at or below each threshold.

    Args:
        distribution: Some scores.
        thresholds: (t,) float64.

    Returns:
        (t,) float64 in 0..1.
    """
    below = np.concatenate([[0.0], np.cumsum(distribution.weights)])
    places = np.searchsorted(distribution.values, thresholds, side="right")
    return np.asarray(below[places] / distribution.total)


def share_at(distribution: Distribution, threshold: float) -> float:
    """Share of scores at or below one threshold, in 0..1."""
    return float(shares_at(distribution, np.array([threshold]))[0])


def equal_error_rate(genuine: Distribution, impostor: Distribution) -> OperatingPoint:
    """The equal error rate and its threshold, by `EER_RULE`.

    Args:
        genuine: Distances of comparisons of one identity.
        impostor: Distances of comparisons of two identities.

    Raises:
        NotComputable: There are no genuine or no impostor scores, or all of both are the same.

    >>> import numpy as np
    >>> point = equal_error_rate(Distribution.of(np.array([.1, .2, .6])), Distribution.of(np.array([.5, .7, .8])))
    >>> round(point.eer, 3), round(point.threshold, 3)
    (0.333, 0.55)
    """
    need_scores(genuine, impostor)
    # Rates change only at distances that occur; index 0 stands for a threshold below all of them.
    values = np.unique(np.concatenate([_occurring(genuine), _occurring(impostor)]))
    fmr = np.concatenate([[0.0], shares_at(impostor, values)])
    fnmr = np.concatenate([[1.0], 1.0 - shares_at(genuine, values)])
    gap = np.abs(fmr - fnmr)
    best = np.flatnonzero(gap <= gap.min() + 1e-12)
    place = int(best[(len(best) - 1) // 2])
    low = values[place - 1] if place else values[0] - 1.0
    high = values[place] if place < len(values) else values[-1]
    return OperatingPoint(
        eer=float((fmr[place] + fnmr[place]) / 2),
        threshold=float((low + high) / 2),
        low=float(low),
        high=float(high),
        fmr=float(fmr[place]),
        fnmr=float(fnmr[place]),
    )


@dataclass(frozen=True, slots=True)
class Crossing:
    """Where FMR and FNMR cross when both are drawn as lines between the distances that occur.

    Smooth in the scores, where the rule of `equal_error_rate` jumps from one distance to the next. It is used for
    differences between nearly equal sets of scores, never for a number that is reported.

    Attributes:
        eer: A share in 0..1.
        threshold: A distance.
    """

    eer: float
    threshold: float


def crossing(genuine: Distribution, impostor: Distribution) -> Crossing:
    """Interpolate the crossing of FMR and FNMR.

    Raises:
        NotComputable: As `equal_error_rate`.
    """
    need_scores(genuine, impostor)
    values = np.unique(np.concatenate([_occurring(genuine), _occurring(impostor)]))
    fmr = np.concatenate([[0.0], shares_at(impostor, values)])
    fnmr = np.concatenate([[1.0], 1.0 - shares_at(genuine, values)])
    values = np.concatenate([values[:1], values])
    gap = fmr - fnmr
    first, last = int(np.argmax(gap >= 0.0)), int(len(gap) - np.argmax(gap[::-1] <= 0.0) - 1)
    if first <= last:  # the rates are equal over a whole range
        return Crossing(float(fmr[first]), float((values[first] + values[min(last + 1, len(values) - 1)]) / 2))
    part = gap[last] / (gap[last] - gap[first])
    return Crossing(
        float(fmr[last] + part * (fmr[first] - fmr[last])),
        float(values[last] + part * (values[first] - values[last])),
    )


def threshold_at_fmr(impostor: Distribution, fmr: float) -> float:
    """The largest threshold at which no more than a share of the impostors is accepted.

    Args:
        impostor: Distances of comparisons of two identities.
        fmr: Share allowed, in 0..1.

    Raises:
        NotComputable: There are too few impostor scores to see so small a share (fewer than 1 / fmr).
    """
    if impostor.total <= 0:
        raise NotComputable("There are no impostor comparisons.", "Use a data set with several identities.")
    if impostor.total * fmr < 1.0:
        raise NotComputable(
            f"{impostor.total:.0f} impostor comparisons are too few to place a threshold at an FMR of {fmr:.2%}.",
            f"At least {1 / fmr:.0f} are needed: use more identities or samples.",
        )
    values = np.unique(_occurring(impostor))
    rates = shares_at(impostor, values)
    allowed = np.flatnonzero(rates <= fmr + 1e-12)
    if allowed.size == 0:
        return float(np.nextafter(values[0], -np.inf))
    last = int(allowed[-1])
    # just short of the next impostor: everything up to there is accepted at the same FMR
    return float(np.nextafter(values[last + 1], -np.inf)) if last + 1 < len(values) else float(values[last])


def fnmr_at_fmr(genuine: Distribution, impostor: Distribution, fmr: float) -> float:
    """False non-match rate, in 0..1, at the threshold of a false match rate.

    Raises:
        NotComputable: As `threshold_at_fmr`, or there are no genuine scores.
    """
    need_scores(genuine, impostor)
    return 1.0 - share_at(genuine, threshold_at_fmr(impostor, fmr))


def det_curve(genuine: Distribution, impostor: Distribution) -> Curve:
    """FNMR (y) against FMR (x), both in percent, from strict to lax; about `MAX_CURVE_POINTS` points."""
    need_scores(genuine, impostor)
    values = np.unique(np.concatenate([_occurring(genuine), _occurring(impostor)]))
    fmr = np.concatenate([[0.0], shares_at(impostor, values)])
    fnmr = np.concatenate([[1.0], 1.0 - shares_at(genuine, values)])
    corner = np.ones(len(fmr), dtype=bool)
    corner[1:-1] = ~((fmr[1:-1] == fmr[:-2]) & (fmr[1:-1] == fmr[2:])) & ~(
        (fnmr[1:-1] == fnmr[:-2]) & (fnmr[1:-1] == fnmr[2:])
    )
    fmr, fnmr = fmr[corner], fnmr[corner]
    if len(fmr) > MAX_CURVE_POINTS:
        # equally far along the curve as it is drawn, with logarithmic axes
        along = np.cumsum(np.hypot(np.diff(np.log10(fmr + 1e-5)), np.diff(np.log10(fnmr + 1e-5))))
        wanted = np.linspace(0, along[-1], MAX_CURVE_POINTS)
        read = np.searchsorted(fmr, np.array(TABLE_FMR), side="right") - 1  # where tables read, the curve is exact
        places = np.unique(np.concatenate([[0], np.searchsorted(along, wanted), read, [len(fmr) - 1]]))
        fmr, fnmr = fmr[places], fnmr[places]
    return Curve(x=[float(v) for v in fmr * 100], y=[float(v) for v in fnmr * 100])


def _occurring(distribution: Distribution) -> NDArray[np.float64]:
    return distribution.values[distribution.weights > 0]


def need_scores(genuine: Distribution, impostor: Distribution) -> None:
    """Refuse to compute an error rate from nothing.

    Raises:
        NotComputable: There are no genuine or no impostor scores, or all of both are the same.
    """
    if genuine.total <= 0:
        raise NotComputable(
            "There are no genuine comparisons.", "Use a data set with two or more samples of an identity."
        )
    if impostor.total <= 0:
        raise NotComputable("There are no impostor comparisons.", "Use a data set with several identities.")
    first = genuine.values[0]
    if first == genuine.values[-1] == impostor.values[0] == impostor.values[-1]:
        raise NotComputable(
            f"Every score is the same ({first:g}): the recognizer does not tell identities apart.",
            "Use a recognizer that does.",
        )
