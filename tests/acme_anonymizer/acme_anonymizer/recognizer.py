"""Compares palms by the directions of their gradients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from deidkit.protocols import GreyImage, option


@dataclass(frozen=True)
class Gradient:
    """Unit gradients on a coarse grid, compared by their mean angle's cosine."""

    cells: int = option(16, "Cells of the grid to a side", choices=(8, 16, 32))

    version: ClassVar[str] = "1"
    input: ClassVar[Literal["roi"]] = "roi"
    score_range: ClassVar[tuple[float, float]] = (0.0, 2.0)

    def extract(self, images: Sequence[GreyImage]) -> NDArray[np.float32]:
        """(n, 2 cells^2) float32 of unit length."""
        size = 128 // self.cells
        grey = np.stack(images).astype(np.float32).reshape(-1, self.cells, size, self.cells, size).mean(axis=(2, 4))
        down, right = np.gradient(grey, axis=(1, 2))
        features = np.stack([down, right], axis=1).reshape(len(images), -1)
        return np.asarray(features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-6), np.float32)

    def compare(self, probes: NDArray[np.float32], references: NDArray[np.float32]) -> NDArray[np.float64]:
        """(p, r): 1 - cosine."""
        return np.clip(1 - probes.astype(np.float64) @ references.T.astype(np.float64), 0.0, 2.0)
