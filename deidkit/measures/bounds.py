"""Confidence bounds for the mean over people of a quantity with a known range; exact for values of 0 or 1.

Gaffke's bound (N. Gaffke, "Three test statistics for a nonparametric one-sided hypothesis on the mean of a nonnegative
variable", Mathematical Methods of Statistics 14, 2005; Learned-Miller and Thomas, arXiv 1905.06208): the values of n
people are extended by one value at the unfavourable end of the range, the n + 1 values get weights from a flat
Dirichlet distribution, and the bound is a quantile of the weighted mean. It

* equals Clopper and Pearson's bound if every value is 0 or 1, and therefore 1 - alpha^(1/n) if all values are 0;
* is monotonic in every value, so that fewer exceptions never give a worse bound;
* narrows as people's values agree, unlike bounds that round each person to 0 or 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_STEP = 0.12
_NODES = np.sinh(np.arange(0.0, 12.0, _STEP))
_WEIGHTS = np.sqrt(1.0 + _NODES**2) * _STEP * np.where(_NODES == 0.0, 0.5, 1.0)
"""Weights of the trapezoid rule at `_NODES` along the integration path."""

_PRECISION = 1e-9
"""Absolute tolerance of the bound, for values scaled to 0..1."""


def mean_bounds(
    values: NDArray[np.floating],
    weights: NDArray[np.floating | np.integer] | None = None,
    *,
    lowest: float = 0.0,
    highest: float = 1.0,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Two-sided confidence bounds for a mean over people; each side errs with probability (1 - confidence) / 2 at most.

    Args:
        values: (n,) one value for each person, n at least 1; values outside the range widen it.
        weights: (n,) positive weight of each person, e.g. their number of comparisons; None for equal weights.
        lowest: Lower end of the range.
        highest: Upper end of the range.
        confidence: Confidence level of both sides together, in 0..1.

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
    """Upper bound of the mean of non-negative values; their range ends at 1, or at the largest value above."""
    top = max(1.0, float(shares.max()))
    pairs = np.stack([np.append(shares, top), np.append(weights / weights.mean(), 1.0)])
    distinct, counts = np.unique(pairs, axis=1, return_counts=True)
    times = counts.astype(np.float64)
    lowest = float(pairs[0].min())
    if lowest == top:
        return top

    from scipy.optimize import brentq  # imported here: takes 0.2 s

    def beyond(bound: float) -> float:
        return _exceeds(distinct[1] * (distinct[0] - bound), times) - tail

    mean = float(np.average(pairs[0], weights=pairs[1]))
    end = top - _PRECISION * (top - lowest)
    return top if beyond(end) > 0.0 else float(brentq(beyond, mean, end, xtol=_PRECISION))


def _exceeds(coefficients: NDArray[np.float64], times: NDArray[np.float64]) -> float:
    """P(sum of c_i E_i > 0), if below about 1/2; E_i are independent exponentials, and each c_i occurs `times` times.

    Integrates the moment generating function along the line through its saddlepoint, where it does not oscillate.
    """
    low, high = 0.0, 1.0 / float(coefficients.max())
    if times @ coefficients >= -1e-9 * float(np.abs(coefficients).max()):
        return 0.5  # the saddlepoint is at or below 0, and the path would cross the pole there

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
