"""Bounds for the mean of a bounded quantity over people, exact where people are all or nothing.

Gaffke's bound (N. Gaffke, "Three test statistics for a nonparametric one-sided hypothesis on the mean of a nonnegative
variable", Mathematical Methods of Statistics 14, 2005; Learned-Miller and Thomas, arXiv 1905.06208): to the values of n
people one more is added at the unfavourable end of the range, the n + 1 are weighted by the flat Dirichlet
distribution, and the bound is a quantile of the weighted mean. It

* equals Clopper and Pearson's bound where every value is 0 or 1, and so 1 - alpha^(1/n) where there is no exception;
* rises with every single value, so that fewer exceptions never give a worse bound;
* narrows as the values of people agree, where treating people as all or nothing does not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_STEP = 0.12
_NODES = np.sinh(np.arange(0.0, 12.0, _STEP))
_WEIGHTS = np.sqrt(1.0 + _NODES**2) * _STEP * np.where(_NODES == 0.0, 0.5, 1.0)
"""Of the trapezoid rule along the path of integration."""

_PRECISION = 1e-9
"""To which the bound of a share is found."""


def mean_bounds(
    values: NDArray[np.floating],
    weights: NDArray[np.floating | np.integer] | None = None,
    *,
    lowest: float = 0.0,
    highest: float = 1.0,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Two-sided bounds for a mean over people; each side misses by at most (1 - confidence) / 2.

    Args:
        values: (n,) one for each person, n at least 1; what lies outside the range widens it.
        weights: (n,) above 0, how much each person counts, e.g. their number of comparisons; equal where left out.
        lowest: Smallest value possible.
        highest: Largest value possible.
        confidence: Of both sides together, in 0..1.

    Returns:
        Lower and upper bound, within lowest..highest.

    >>> low, high = mean_bounds(np.array([1.0] + 29 * [0.0]))
    >>> round(low, 5), round(high, 5)
    (0.00084, 0.17217)
    """
    tail = (1.0 - confidence) / 2.0
    values = np.asarray(values, dtype=np.float64)
    counted = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=np.float64)
    width = highest - lowest
    shares = (values - lowest) / width
    high = lowest + width * _upper(np.maximum(shares, 0.0), counted, tail)
    low = highest - width * _upper(np.maximum(1.0 - shares, 0.0), counted, tail)
    return max(low, lowest), min(high, highest)


def _upper(shares: NDArray[np.float64], weights: NDArray[np.float64], tail: float) -> float:
    """Upper bound of the mean of shares from 0, at most 1 unless one of them is larger."""
    top = max(1.0, float(shares.max()))
    pairs = np.stack([np.append(shares, top), np.append(weights / weights.mean(), 1.0)])
    distinct, counts = np.unique(pairs, axis=1, return_counts=True)
    times = counts.astype(np.float64)
    lowest = float(pairs[0].min())
    if lowest == top:
        return top

    from scipy.optimize import brentq  # a fifth of a second, which most commands need not wait

    def beyond(bound: float) -> float:
        return _exceeds(distinct[1] * (distinct[0] - bound), times) - tail

    mean = float(np.average(pairs[0], weights=pairs[1]))
    end = top - _PRECISION * (top - lowest)
    return top if beyond(end) > 0.0 else float(brentq(beyond, mean, end, xtol=_PRECISION))


def _exceeds(coefficients: NDArray[np.float64], times: NDArray[np.float64]) -> float:
    """P(sum of c_i E_i > 0) where it is below about a half; E_i independent exponentials, c_i taken `times` over.

    The moment generating function is integrated along the line through its saddlepoint, where it does not oscillate.
    """
    low, high = 0.0, 1.0 / float(coefficients.max())
    if times @ coefficients >= -1e-9 * float(np.abs(coefficients).max()):
        return 0.5  # the saddlepoint is at or below 0, where the path would meet a pole

    from scipy.optimize import brentq

    def slope(at: float) -> float:
        return float(times @ (coefficients / (1.0 - coefficients * at)))

    saddle = float(brentq(slope, low, high * (1.0 - 1e-12)))
    tilted = coefficients / (1.0 - coefficients * saddle)
    width = 1.0 / float(np.sqrt(times @ tilted**2))
    path = width * _NODES
    scaled = np.outer(path, tilted)
    size = np.exp(-(times @ np.log1p(-coefficients * saddle)) - 0.5 * (np.log1p(scaled**2) @ times))
    angle = np.arctan(scaled) @ times
    real = (saddle * np.cos(angle) + path * np.sin(angle)) / (saddle**2 + path**2)
    return float((size * real) @ _WEIGHTS) * width / np.pi
