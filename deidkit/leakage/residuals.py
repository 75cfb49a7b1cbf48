"""Linear regression of the copies' properties on those of their originals."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MOST_COMPONENTS, _COPIES_PER_COMPONENT = 5, 12
"""Largest number of principal components of the originals' properties used as regressors, and least number of copies
per component."""


def standardised(values: NDArray[np.floating], *, least: float = 1e-6) -> NDArray[np.float64]:
    """Standardise the columns of an (n, k) array; those with a standard deviation up to `least` become 0."""
    centred = values.astype(np.float64) - values.mean(axis=0, dtype=np.float64)
    spread = centred.std(axis=0)
    return np.asarray(np.divide(centred, spread, out=np.zeros_like(centred), where=spread > least), np.float64)


def components(originals: NDArray[np.float64], *, least: float = 1e-6) -> NDArray[np.float64]:
    """(n, c) principal components of properties of originals, as regressors for properties of their copies.

    Args:
        originals: (n, k) as from `standardised`, one row per copy.
        least: Singular value up to which a component counts as rounding noise.
    """
    left, sizes, _ = np.linalg.svd(originals, full_matrices=False)
    return left[:, : min(_MOST_COMPONENTS, len(originals) // _COPIES_PER_COMPONENT, int((sizes > least).sum()))]


def residuals(values: NDArray[np.float64], *known: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) residuals of a property by least squares.

    Args:
        values: (n,) the property of the copies.
        known: (n,) or (n, c) regressors.
    """
    columns: NDArray[np.float64] = np.column_stack([np.ones(len(values)), *known])
    return np.asarray(values - columns @ np.linalg.lstsq(columns, values, rcond=None)[0], np.float64)
