"""What properties of copies show beyond those of their originals, by lines."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_TAKEN_OVER, _COPIES_EACH = 5, 12
"""Principal components of the originals' properties that may show in every property of the copies, at most, and how
many copies there must be for each."""


def scaled(values: NDArray[np.floating], *, least: float = 1e-6) -> NDArray[np.float64]:
    """(n, k) less the mean of each column, in its standard deviations; 0 where that is `least` or smaller."""
    centred = values.astype(np.float64) - values.mean(axis=0, dtype=np.float64)
    spread = centred.std(axis=0)
    return np.asarray(np.divide(centred, spread, out=np.zeros_like(centred), where=spread > least), np.float64)


def components(originals: NDArray[np.float64], *, least: float = 1e-6) -> NDArray[np.float64]:
    """(n, c) principal components of properties of originals, which any property of their copies may follow.

    Args:
        originals: (n, k) as `scaled`, a row for each copy.
        least: Singular value up to which a component is rounding.
    """
    left, sizes, _ = np.linalg.svd(originals, full_matrices=False)
    return left[:, : min(_TAKEN_OVER, len(originals) // _COPIES_EACH, int((sizes > least).sum()))]


def residuals(values: NDArray[np.float64], *known: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) what remains of a property by least squares.

    Args:
        values: (n,) the property of the copies.
        known: (n,) or (n, c) what it may follow from.
    """
    columns: NDArray[np.float64] = np.column_stack([np.ones(len(values)), *known])
    return np.asarray(values - columns @ np.linalg.lstsq(columns, values, rcond=None)[0], np.float64)
