"""Some of many pictures, the same each time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def drawn(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At most so many rows, drawn with a fixed seed where there are more.

    Args:
        rows: (n,) int64, rising.
        most: How many.

    Returns:
        (m,) int64, rising.
    """
    return rows if len(rows) <= most else np.sort(np.random.default_rng(0).choice(rows, most, replace=False))
