"""Compiled loops of the metrics. Importing this module imports numba."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidkit.compiling import compiled


@compiled
def weigh(
    places: NDArray[np.int32],
    probes: NDArray[np.int32],
    references: NDArray[np.int32],
    weights: NDArray[np.float64],
    counts: NDArray[np.float64],
) -> None:
    """Add each comparison's weight to its value: the product of two subjects' weights, one subject's once."""
    for index in range(places.size):
        weight = weights[probes[index]]
        if probes[index] != references[index]:
            weight *= weights[references[index]]
        counts[places[index]] += weight
