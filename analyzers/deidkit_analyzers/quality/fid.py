"""Frechet Inception Distance (Heusel et al., arXiv 1706.08500) between the originals and their copies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import IntervalSettings
from deidkit.result import Estimate
from deidkit_analyzers.quality.inception import ORIGIN, OnInception

HALVINGS = 5
"""Number of random halvings of the originals, over which the floor is averaged."""


@dataclass(frozen=True)
class Fid(OnInception):
    """FID, 2048 dimensions: how unlike two sets of pictures are; depends on their number, so compare equal ones."""

    metric: ClassVar[str] = "fid"

    def estimate(
        self,
        measured: NDArray[np.float32],
        samples: NDArray[np.int32],
        subjects: NDArray[np.int32],
        settings: IntervalSettings,
    ) -> Estimate:
        """The distance of all copies from all their originals; see `deidkit.protocols.QualityMeasure.estimate`."""
        _, first = np.unique(samples, return_index=True)
        originals, copies = measured[first, 0], measured[:, 1]
        parameters = {
            **ORIGIN,
            "originals": len(originals),
            "copies": len(copies),
            "bias": "falls with the number of pictures; compare it between audits of equally many",
        }
        if len(originals) < 2:
            return Estimate(
                value=None, unit="distance", safer="lower", parameters=parameters,
                reason="It is a distance between sets of at least two pictures.", remedy="Audit more pictures.",
            )  # fmt: skip
        if len(originals) >= 4:
            parameters["between_random_halves_of_the_originals"] = floor_of(originals)
            parameters["pictures_in_a_half"] = len(originals) // 2
        return Estimate(
            value=frechet_distance(originals, copies),
            unit="distance",
            safer="lower",
            subjects=len(np.unique(subjects)),
            comparisons=len(copies),
            parameters=parameters,
        )


def floor_of(features: NDArray[np.float32]) -> float:
    """Mean distance between random halves of one set: the distance expected by chance alone.

    Args:
        features: (n, d), n at least 4.
    """
    half, rng = len(features) // 2, np.random.default_rng(0)
    found = []
    for _ in range(HALVINGS):
        order = rng.permutation(len(features))
        found.append(frechet_distance(features[order[:half]], features[order[half : 2 * half]]))
    return float(np.mean(found))


def frechet_distance(one: NDArray[np.floating[Any]], other: NDArray[np.floating[Any]]) -> float:
    """Frechet distance of the normal distributions fitted to two sets of features.

    |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2). With S = A'A the last trace is the sum of the singular values of
    A1 A2', which needs no matrix root and is exact where there are fewer pictures than dimensions. That is why it is
    not torchmetrics': of 2048 dimensions that takes 10 to 14 s on a core, where this takes 0.01 s (40 pictures) to
    0.05 s (300), and says -1e-4 of equal sets; the two agree to 7e-6.

    Args:
        one: (n, d), n at least 2.
        other: (m, d), m at least 2.

    Returns:
        From 0; covariances are sample covariances.
    """
    first, second = (_covariance_root(features.astype(np.float64)) for features in (one, other))
    apart = np.square(one.mean(axis=0, dtype=np.float64) - other.mean(axis=0, dtype=np.float64)).sum()
    shared = np.linalg.svd(first @ second.T, compute_uv=False).sum()
    return max(0.0, float(apart + np.square(first).sum() + np.square(second).sum() - 2.0 * shared))


def _covariance_root(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Matrix A with A'A equal to the sample covariance and at most as many rows as dimensions."""
    centred = np.asarray((features - features.mean(axis=0)) / np.sqrt(len(features) - 1), np.float64)
    if len(centred) <= centred.shape[1]:
        return centred
    return np.asarray(np.linalg.qr(centred, mode="r"), np.float64)
