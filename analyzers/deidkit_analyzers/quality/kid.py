"""Kernel Inception Distance (Binkowski et al., arXiv 1801.01401) between the originals and their copies."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torchmetrics.image.kid import poly_mmd

from deidkit.protocols import IntervalSettings
from deidkit.result import Estimate
from deidkit_analyzers.quality.inception import ORIGIN, OnInception

BLOCK = 1000
"""Number of pictures of each set that are compared at a time, as published."""


@dataclass(frozen=True)
class Kid(OnInception):
    """KID, 2048 dimensions: like FID, but without a bias that depends on the number of pictures."""

    metric: ClassVar[str] = "kid"

    def estimate(
        self,
        measured: NDArray[np.float32],
        samples: NDArray[np.int32],
        subjects: NDArray[np.int32],
        settings: IntervalSettings,
    ) -> Estimate:
        """Mean over sets with one copy of each original; see `deidkit.protocols.QualityMeasure.estimate`."""
        sets = _one_copy_each(samples)
        parameters = {**ORIGIN, "kernel": "(x y / 2048 + 1)^3", "originals": len(np.unique(samples)),
                      "copies": len(samples), "compared_at_a_time": BLOCK}  # fmt: skip
        if not sets:
            return Estimate(
                value=None, unit="distance", safer="lower", parameters=parameters,
                reason="It is a distance between sets of at least two pictures.", remedy="Audit more pictures.",
            )  # fmt: skip
        found = [kernel_distance(measured[rows, 0], measured[rows, 1]) for rows in sets]
        return Estimate(
            value=float(np.average(found, weights=[len(rows) for rows in sets])),
            unit="distance",
            safer="lower",
            subjects=len(np.unique(subjects)),
            comparisons=len(samples),
            parameters=parameters,
        )


def kernel_distance(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Unbiased squared maximum mean discrepancy with the published cubic kernel; may be negative by chance.

    Args:
        one: (n, d), n at least 2.
        other: (n, d).
    """
    blocks = math.ceil(len(one) / BLOCK)
    found = [
        float(poly_mmd(torch.from_numpy(a.astype(np.float64)), torch.from_numpy(b.astype(np.float64))))
        for a, b in zip(np.array_split(one, blocks), np.array_split(other, blocks), strict=True)
    ]
    return float(np.mean(found))


def _one_copy_each(samples: NDArray[np.int32]) -> list[NDArray[np.intp]]:
    """Row indices of the first copies of all originals, of the second, and so on; at least two originals each."""
    order = np.argsort(samples, kind="stable")
    _, first, counts = np.unique(samples[order], return_index=True, return_counts=True)
    numbers = np.arange(len(samples)) - np.repeat(first, counts)
    sets = [order[numbers == number] for number in range(int(counts.max(initial=0)))]
    return [rows for rows in sets if len(rows) >= 2]
