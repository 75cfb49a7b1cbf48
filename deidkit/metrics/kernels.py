"""Compiled loops of the metrics. Importing this module imports numba."""

from __future__ import annotations

from deidkit.compiling import compiled


@compiled
def weigh(places, probes, references, weights, counts):
    """Add each comparison's weight to its value: the product of two subjects' weights, one subject's once."""
    for index in range(places.size):
        weight = weights[probes[index]]
        if probes[index] != references[index]:
            weight *= weights[references[index]]
        counts[places[index]] += weight
