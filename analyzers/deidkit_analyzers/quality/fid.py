"""Frechet Inception Distance (Heusel et al., arXiv 1706.08500) between the originals and their copies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from deidkit import models
from deidkit.protocols import Image, option
from deidkit.result import Estimate
from deidkit_analyzers.quality.inception import FEATURES, Inception
from deidkit_analyzers.quality.weights import fill
from deidkit_networks.device import choose, hardware

if TYPE_CHECKING:
    from deidkit.measures import IntervalSettings

FILE = "pt_inception-2015-12-05-6726825d.pth"
"""The weights, as pytorch-fid named them."""


@dataclass(frozen=True)
class Fid:
    """FID, 2048 dimensions: how unlike two sets of pictures are; depends on their number, so compare equal ones."""

    weights: Path | None = option(None, f"The file {FILE}; the fetched one if left out", primary=True)
    device: str = option("auto", "auto, cpu, cuda or cuda:N")

    version: ClassVar[str] = "2"
    metric: ClassVar[str] = "fid"

    def prepare(self, note: Callable[[str], None]) -> None:
        """Load the network. Raises MissingModel."""
        _ = self._network
        note("fid: Inception v3 as of December 2015, trained on ImageNet.")

    def packages(self) -> tuple[str, ...]:
        """What computes; its version is recorded."""
        return ("torch",)

    def weight_files(self) -> dict[str, Path]:
        """The network's file, for its hash. Raises MissingModel."""
        return {self._file.name: self._file}

    def resolved(self) -> dict[str, str]:
        """What ``device`` meant here."""
        return {"device": hardware(self._place)}

    def measure(self, original: Image, copies: Sequence[Image]) -> NDArray[np.float32]:
        """Features of an original and its copies.

        Returns:
            (n, 2, 2048) float32: for each copy the original's, and its own.
        """
        first = self._features(original)
        return np.stack([np.stack([first, self._features(copy)]) for copy in copies])

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
            "network": "Inception v3 of 2015-12-05",
            "dimensions": FEATURES,
            "originals": len(originals),
            "copies": len(copies),
            "bias": "falls with the number of pictures; compare it between audits of equally many",
        }
        if len(originals) < 2:
            return Estimate(
                value=None, unit="distance", safer="lower", parameters=parameters,
                reason="It is a distance between sets of at least two pictures.", remedy="Audit more pictures.",
            )  # fmt: skip
        return Estimate(
            value=frechet_distance(originals, copies),
            unit="distance",
            safer="lower",
            subjects=len(np.unique(subjects)),
            comparisons=len(copies),
            parameters=parameters,
        )

    def _features(self, picture: Image) -> NDArray[np.float32]:
        values = torch.from_numpy(picture.astype(np.float32)).permute(2, 0, 1)[None] / 255.0
        with torch.inference_mode():
            features: NDArray[np.float32] = self._network(values.to(self._place))[0].float().cpu().numpy()
        return features

    @cached_property
    def _place(self) -> torch.device:
        return choose(self.device)

    @cached_property
    def _file(self) -> Path:
        return self.weights or models.path("inception-fid") / FILE

    @cached_property
    def _network(self) -> Any:
        return fill(Inception(), self._file).to(self._place)


def frechet_distance(one: NDArray[np.floating[Any]], other: NDArray[np.floating[Any]]) -> float:
    """Frechet distance of the normal distributions fitted to two sets of features.

    |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2). With S = A'A the last trace is the sum of the singular values of
    A1 A2', which needs no matrix root and is exact where there are fewer pictures than dimensions.

    Args:
        one: (n, d), n at least 2.
        other: (m, d), m at least 2.

    Returns:
        From 0; covariances are sample covariances.
    """
    first, second = (_root(features.astype(np.float64)) for features in (one, other))
    apart = np.square(one.mean(axis=0, dtype=np.float64) - other.mean(axis=0, dtype=np.float64)).sum()
    shared = np.linalg.svd(first @ second.T, compute_uv=False).sum()
    return max(0.0, float(apart + np.square(first).sum() + np.square(second).sum() - 2.0 * shared))


def _root(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """A with A'A the sample covariance, of at most as many rows as there are dimensions."""
    centred = np.asarray((features - features.mean(axis=0)) / np.sqrt(len(features) - 1), np.float64)
    if len(centred) <= centred.shape[1]:
        return centred
    return np.asarray(np.linalg.qr(centred, mode="r"), np.float64)
