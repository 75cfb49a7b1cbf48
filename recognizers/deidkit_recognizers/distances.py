"""Distances between embeddings of length 1, all in 0..1 with 0 for the same direction."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Embeddings = NDArray[np.float32]


def cosine(probes: Embeddings, references: Embeddings) -> NDArray[np.float32]:
    """(p, r) float32 (1 - cos) / 2 of (p, d) and (r, d) float32 of length 1."""
    return np.asarray((1.0 - _dot(probes, references)) / 2.0, dtype=np.float32)


def arccos(probes: Embeddings, references: Embeddings) -> NDArray[np.float32]:
    """Angle over pi, as CCNet compares (Yang et al., TIFS 2023); arguments as for `cosine`."""
    return np.asarray(np.arccos(_dot(probes, references)) / np.pi, dtype=np.float32)


def euclidean(probes: Embeddings, references: Embeddings) -> NDArray[np.float32]:
    """Half the Euclidean distance, |a - b| / 2; arguments as for `cosine`."""
    return np.asarray(np.sqrt(np.maximum(2.0 - 2.0 * _dot(probes, references), 0.0)) / 2.0, dtype=np.float32)


def _dot(probes: Embeddings, references: Embeddings) -> NDArray[np.float64]:
    # in float64: the angle of two directions that are nearly one would lose half its digits
    return np.asarray(np.clip(probes.astype(np.float64) @ references.astype(np.float64).T, -1.0, 1.0))


METRICS: dict[str, Callable[[Embeddings, Embeddings], NDArray[np.float32]]] = {
    "cosine": cosine,
    "arccos": arccos,
    "euclidean": euclidean,
}
"""Metrics by the name a description gives them."""
