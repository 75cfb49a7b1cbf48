"""How well embeddings distinguish held-out identities."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from deidkit.errors import NotComputable
from deidkit.measures.error_rates import equal_error_rate
from deidkit.measures.separability import d_prime
from deidkit.scores import Distribution

BLOCK = 512
"""Probes compared at a time."""


def recognition(
    templates: NDArray[np.float32],
    labels: NDArray[np.integer],
    compare: Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.floating]],
) -> dict[str, float]:
    """Error rates over all pairs i < j.

    Args:
        templates: (n, d).
        labels: (n,) identity of each.
        compare: Distances of two blocks of templates, lower means more alike.

    Returns:
        ``eer_percent``, ``d_prime`` and ``rank_1_percent`` (each template searched among all others); without those
        that are not computable, as where no identity has two templates.
    """
    genuine: list[NDArray[np.float64]] = []
    impostor: list[NDArray[np.float64]] = []
    hits = searched = 0
    for start in range(0, len(templates), BLOCK):
        stop = min(start + BLOCK, len(templates))
        distances = np.asarray(compare(templates[start:stop], templates), np.float64)
        same = labels[start:stop, None] == labels[None, :]
        later = np.arange(len(templates))[None, :] > np.arange(start, stop)[:, None]
        genuine.append(distances[same & later])
        impostor.append(distances[~same & later])
        distances[np.arange(stop - start), np.arange(start, stop)] = np.inf
        has_mate = same.sum(axis=1) > 1
        searched += int(has_mate.sum())
        hits += int((labels[distances.argmin(axis=1)] == labels[start:stop])[has_mate].sum())
    mated, nonmated = Distribution.of(np.concatenate(genuine)), Distribution.of(np.concatenate(impostor))
    results: dict[str, float] = {}
    try:
        results["eer_percent"] = 100.0 * equal_error_rate(mated, nonmated).eer
        results["d_prime"] = d_prime(mated, nonmated)
        results["rank_1_percent"] = 100.0 * hits / searched
    except NotComputable:
        pass
    return results
