"""Error rates of a recognizer: FMR, FNMR, DET curve and equal error rate.

A comparison is accepted when its distance is at most the threshold (ISO/IEC 19795-1 terms; scores are distances).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
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
"""Definition of the equal error rate, as reports state it."""

MAX_CURVE_POINTS = 400
"""Maximum number of points of a curve in a report, in addition to those of `TABLE_FMR`."""

TABLE_FMR = (0.001, 0.01, 0.1)
"""False match rates at which tables give the FNMR of a curve."""


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Operating point at which FMR and FNMR are equal, or as nearly as the scores allow.

    Attributes:
        eer: (FMR + FNMR) / 2, in 0..1.
        threshold: Midpoint of `low` and `high`.
        low: Smallest threshold with these rates.
        high: The next larger distance among the scores; from `low` up to it, exclusive, the rates are the same.
    """

    eer: float
    threshold: float
    low: float
    high: float
    fmr: float
    fnmr: float


def shares_at(distribution: Distribution, thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    """(t,) float64 share, in 0..1, of scores at or below each of (t,) thresholds."""
    return np.asarray(distribution.at_most(thresholds) / distribution.total)


def share_at(distribution: Distribution, threshold: float) -> float:
    """Share of scores at or below one threshold, in 0..1."""
    return distribution.share_at_most(threshold)


def equal_error_rate(genuine: Distribution, impostor: Distribution) -> OperatingPoint:
    """Compute the equal error rate and its threshold by `EER_RULE`.

    Args:
        genuine: Distances of comparisons of one identity.
        impostor: Distances of comparisons of two identities.

    Raises:
        NotComputable: There are no genuine or no impostor scores, or all scores are equal.

    >>> import numpy as np
    >>> point = equal_error_rate(Distribution.of(np.array([.1, .2, .6])), Distribution.of(np.array([.5, .7, .8])))
    >>> round(point.eer, 3), round(point.threshold, 3)
    (0.333, 0.55)
    """
    need_scores(genuine, impostor)
    rates = Rates(genuine, impostor)
    upper = rates.first(lambda fmr, fnmr: fmr >= fnmr)
    # At the largest distance FMR is 1 and FNMR 0, so one always exists.
    assert upper is not None
    before = rates.last_below(upper)
    gap_before = -1.0 if before is None else -rates.gap(before)
    least = min(abs(gap_before), rates.gap(upper)) + 1e-12
    first = rates.first(lambda fmr, fnmr: fmr - fnmr >= -least)
    beyond = rates.first(lambda fmr, fnmr: fmr - fnmr > least)
    assert first is not None
    # Without a larger gap, the range extends to the largest distance.
    best: list[float | None] = [*rates.between(first, np.inf if beyond is None else beyond).tolist()]
    if least >= 1.0:
        best.insert(0, None)  # None: a threshold below all distances
    return rates.point(best[(len(best) - 1) // 2])


@dataclass(frozen=True, slots=True)
class Crossing:
    """Crossing of FMR and FNMR, both interpolated linearly between the distances of the scores.

    Unlike `equal_error_rate`, which jumps from one distance to the next, it is continuous in the scores. Used for
    differences between nearly equal sets of scores (jackknife), never for reported numbers.

    Attributes:
        eer: Equal error rate, in 0..1.
        threshold: Distance at the crossing.
    """

    eer: float
    threshold: float


def crossing(genuine: Distribution, impostor: Distribution) -> Crossing:
    """Interpolate the crossing of FMR and FNMR. Raises NotComputable like `equal_error_rate`."""
    need_scores(genuine, impostor)
    rates = Rates(genuine, impostor)
    upper = rates.first(lambda fmr, fnmr: fmr >= fnmr)
    assert upper is not None
    fmr, fnmr = rates.at(upper)
    if fmr == fnmr:  # the rates are equal over a whole range
        beyond = rates.first(lambda fmr, fnmr: fmr > fnmr)
        assert beyond is not None
        return Crossing(fmr, (upper + beyond) / 2)
    lower = rates.last_below(upper)
    fmr_before, fnmr_before = (0.0, 1.0) if lower is None else rates.at(lower)
    gap, gap_before = fmr - fnmr, fmr_before - fnmr_before
    part = gap_before / (gap_before - gap)
    start = upper if lower is None else lower
    return Crossing(fmr_before + part * (fmr - fmr_before), start + part * (upper - start))


class Rates:
    """FMR and FNMR of two kinds of scores as functions of the threshold."""

    def __init__(self, genuine: Distribution, impostor: Distribution) -> None:
        self._genuine, self._impostor = genuine, impostor

    def at(self, threshold: float) -> tuple[float, float]:
        """FMR and FNMR at a threshold, in 0..1."""
        return share_at(self._impostor, threshold), 1.0 - share_at(self._genuine, threshold)

    def gap(self, threshold: float) -> float:
        """FMR - FNMR at a threshold."""
        fmr, fnmr = self.at(threshold)
        return fmr - fnmr

    def first(self, holds: Callable[[float, float], bool]) -> float | None:
        """Smallest distance at which a condition on (FMR, FNMR) holds; it must then hold at all larger distances."""
        few, many = sorted((self._genuine, self._impostor), key=lambda each: len(each.order))
        found = many.first(lambda distance: holds(*self.at(distance)))
        # the condition fails up to `before`, so only distances of `few` between the two are left to search
        before = many.largest if found is None else many.last_below(found)
        start = -np.inf if before is None else np.nextafter(before, np.inf)
        between = few.between(start, np.inf if found is None else found)
        place = bisect_left(between, True, key=lambda distance: holds(*self.at(distance)))
        return float(between[place]) if place < len(between) else found

    def last_below(self, threshold: float) -> float | None:
        """Largest distance below a threshold; None if there is none."""
        found = (each.last_below(threshold) for each in (self._genuine, self._impostor))
        return max((distance for distance in found if distance is not None), default=None)

    def between(self, low: float, high: float) -> NDArray[np.float64]:
        """Distinct distances in [low, high)."""
        return np.union1d(self._genuine.between(low, high), self._impostor.between(low, high))

    def point(self, distance: float | None) -> OperatingPoint:
        """Operating point of the thresholds from one distance to the next; None for those below all distances."""
        if distance is None:
            high = min(self._genuine.smallest, self._impostor.smallest)
            low, fmr, fnmr = high - 1.0, 0.0, 1.0
        else:
            low = high = distance
            fmr, fnmr = self.at(distance)
            following = (each.first(lambda other: other > distance) for each in (self._genuine, self._impostor))
            high = min((other for other in following if other is not None), default=low)
        return OperatingPoint((fmr + fnmr) / 2, (low + high) / 2, low, high, fmr, fnmr)


def threshold_at_fmr(impostor: Distribution, fmr: float) -> float:
    """Largest threshold at which the false match rate is at most `fmr`, in 0..1.

    Raises:
        NotComputable: There are fewer than 1 / fmr impostor scores.
    """
    if impostor.total <= 0:
        raise NotComputable("There are no impostor comparisons.", "Use a data set with several identities.")
    if impostor.total * fmr < 1.0:
        raise NotComputable(
            f"{impostor.total:.0f} impostor comparisons are too few to place a threshold at an FMR of {fmr:.2%}.",
            f"At least {1 / fmr:.0f} are needed: use more identities or samples.",
        )
    next_one = impostor.first(lambda distance: share_at(impostor, distance) > fmr + 1e-12)
    # just below the next impostor score: the FMR is the same up to there
    return impostor.largest if next_one is None else float(np.nextafter(next_one, -np.inf))


def det_curve(genuine: Distribution, impostor: Distribution) -> Curve:
    """DET curve: FNMR (y) against FMR (x), in percent, by ascending threshold; about `MAX_CURVE_POINTS` points."""
    need_scores(genuine, impostor)
    values = _corner_places(genuine.values, impostor.values)
    fmr = np.concatenate([[0.0], shares_at(impostor, values)])
    fnmr = np.concatenate([[1.0], 1.0 - shares_at(genuine, values)])
    corner = np.ones(len(fmr), dtype=bool)
    corner[1:-1] = ~((fmr[1:-1] == fmr[:-2]) & (fmr[1:-1] == fmr[2:])) & ~(
        (fnmr[1:-1] == fnmr[:-2]) & (fnmr[1:-1] == fnmr[2:])
    )
    fmr, fnmr = fmr[corner], fnmr[corner]
    if len(fmr) > MAX_CURVE_POINTS:
        # evenly spaced along the curve on logarithmic axes
        along = np.cumsum(np.hypot(np.diff(np.log10(fmr + 1e-5)), np.diff(np.log10(fnmr + 1e-5))))
        targets = np.linspace(0, along[-1], MAX_CURVE_POINTS)
        read = np.searchsorted(fmr, np.array(TABLE_FMR), side="right") - 1  # keep the points that tables read exact
        places = np.unique(np.concatenate([[0], np.searchsorted(along, targets), read, [len(fmr) - 1]]))
        fmr, fnmr = fmr[places], fnmr[places]
    return Curve(x=[float(v) for v in fmr * 100], y=[float(v) for v in fnmr * 100])


def _corner_places(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances at which the DET curve of two sorted score arrays may have a corner.

    Between two neighbouring scores of the smaller array, only the first and last of the larger one can be corners.
    """
    few, many = (first, second) if len(first) <= len(second) else (second, first)
    few = np.unique(few)
    before, after = np.searchsorted(many, few, "left"), np.searchsorted(many, few, "right")
    return np.unique(
        np.concatenate([few, many[before[before > 0] - 1], many[after[after < len(many)]], many[:1], many[-1:]])
    )


def need_scores(genuine: Distribution, impostor: Distribution) -> None:
    """Raise NotComputable if the scores cannot give an error rate.

    Raises:
        NotComputable: There are no genuine or no impostor scores, or all of both are the same.
    """
    if genuine.total <= 0:
        raise NotComputable(
            "There are no genuine comparisons.", "Use a data set with two or more samples of an identity."
        )
    if impostor.total <= 0:
        raise NotComputable("There are no impostor comparisons.", "Use a data set with several identities.")
    first = genuine.smallest
    if first == genuine.largest == impostor.smallest == impostor.largest:
        raise NotComputable(
            f"Every score is the same ({first:g}), so that identities are not distinguished.",
            "If the copies are not all one picture, use a recognizer that distinguishes identities.",
        )
