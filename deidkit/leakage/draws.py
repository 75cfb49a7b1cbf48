"""Reproducible random subsets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def sample_rows(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Draw at most `most` rows, with a fixed seed.

    Args:
        rows: (n,) int64, ascending.
        most: Largest number of rows.

    Returns:
        (m,) int64, ascending.
    """
    return rows if len(rows) <= most else np.sort(np.random.default_rng(0).choice(rows, most, replace=False))
