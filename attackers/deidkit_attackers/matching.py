"""All comparisons of two sets of palm regions that are available to an attacker."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidkit.attacks import AttackMaterial
from deidkit_attackers import lines
from deidkit_attackers.selection import by_row

_BLOCK = 128


def candidates(
    material: AttackMaterial, probes: NDArray[np.uint8], gallery: NDArray[np.uint8], prefix: str = ""
) -> dict[str, NDArray[np.float32]]:
    """Compare with the line matcher, fine and coarse, with every recognizer, and with all of them together.

    Args:
        material: Supplies the recognizers.
        probes: (p, 128, 128) uint8 regions.
        gallery: (g, 128, 128) uint8 regions.
        prefix: Put before each name.

    Returns:
        Name -> (p, g) distances as `by_row` gives them.
    """
    material.check()
    compared = lines.TwoScales(lines.features(gallery, memo=material.memo)).distances(
        lines.features(probes, memo=material.memo), "lines"
    )
    found = {name: by_row(distances) for name, distances in compared.items()}
    for name in material.recognizers:
        material.check()
        found[name] = by_row(_recognizer_distances(material, name, probes, gallery))
    found["all matchers"] = by_row(np.mean(list(found.values()), axis=0))
    return {f"{prefix}{name}": distances for name, distances in found.items()}


def _recognizer_distances(
    material: AttackMaterial, name: str, probes: NDArray[np.uint8], gallery: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """(p, g) float32 distances of a recognizer of palm regions, compared in blocks."""
    references = _templates(material, name, gallery)
    distances = np.empty((len(probes), len(gallery)), np.float32)
    for start in range(0, len(probes), _BLOCK):
        rows = slice(start, start + _BLOCK)
        templates = _templates(material, name, probes[rows])
        distances[rows] = material.recognizers[name].compare(templates, references)
    return distances


def _templates(material: AttackMaterial, name: str, regions: NDArray[np.uint8]) -> NDArray[Any]:
    def extracted(pictures: NDArray[np.uint8]) -> NDArray[Any]:
        return np.asarray(material.recognizers[name].extract(list(pictures)))

    return material.memo.rows(f"templates, {name}", regions, extracted)


def embeddings(material: AttackMaterial, regions: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, d) float32 templates of all recognizers, concatenated with equal weight; integers are split into bits.

    Args:
        material: Supplies the recognizers, at least one.
        regions: (n, 128, 128) uint8.
    """
    parts = []
    for name in material.recognizers:
        material.check()
        flat = np.ascontiguousarray(_templates(material, name, regions)).reshape(len(regions), -1)
        if np.issubdtype(flat.dtype, np.integer):
            vectors = np.unpackbits(flat.view(np.uint8), axis=1).astype(np.float32) - np.float32(0.5)
        else:
            vectors = flat.astype(np.float32)
        parts.append(vectors / max(float(np.linalg.norm(vectors, axis=1).mean()), 1e-9))
    return np.concatenate(parts, axis=1)


def as_pictures(regions: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Scale (n, h, w) pictures to uint8, each from its 1 % to its 99 % quantile; flat ones become 0."""
    values = np.asarray(regions, np.float32)
    low, high = (np.quantile(values, share, axis=(1, 2), keepdims=True) for share in (0.01, 0.99))
    span = np.where(high - low > 1e-6, high - low, np.inf)
    return np.asarray(np.clip((values - low) / span * 255, 0, 255).round(), np.uint8)
