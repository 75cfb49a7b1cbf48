"""CCNet as a recognizer."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from deidkit.protocols import GreyImage, option
from deidkit_networks.device import Precision
from deidkit_networks.embedding import embed, features_of
from deidkit_networks.pickled import is_pickled
from deidkit_networks.recognizer import NetworkRecognizer
from deidkit_networks.weights import Weights
from deidkit_recognizers import distances
from deidkit_recognizers.ccnet import published
from deidkit_recognizers.ccnet.inference import Blocks
from deidkit_recognizers.ccnet.network import CCNet, CCNetShape, OfRegions, normalize

EMBEDDED = Path(__file__).parent / "weights.safetensors"
"""The embedded weights; MODEL_CARD.md next to them says how they were made."""


@dataclass(frozen=True)
class CCNetRecognizer(NetworkRecognizer[CCNet]):
    """CCNet (Yang et al., IEEE TIFS 2023): learnable Gabor filters in competition, embedding, angle as distance.

    The embedded weights are of a network whose head is narrower than the published one, and were trained on drawn
    palms. For the published experiment name weights of the published widths: those of the authors' program (``.pth``,
    of which only tensors are read), or your own (``deidkit train ccnet``).
    """

    weights: Path | None = option(
        None, "Weights made by deidkit train ccnet, or the authors' .pth; the embedded ones if left out", primary=True
    )
    precision: Precision = option(
        "float32", "Of the network's arithmetic; templates of half precision agree within 0.01 in distance"
    )

    version: ClassVar[str] = "2"
    input: ClassVar[Literal["roi", "hand"]] = "roi"
    architecture: ClassVar[str] = "ccnet"
    embedded_weights: ClassVar[Path | None] = EMBEDDED

    def build(self, settings: Mapping[str, Any]) -> CCNet:
        """See `NetworkRecognizer`."""
        return CCNet(CCNetShape.of(settings))

    def extract(self, images: Sequence[GreyImage]) -> NDArray[np.float32]:
        """(128, 128) uint8 ROIs -> (n, d) float32 of length 1, d = 2048 as published; the same for any batch.

        Raises:
            SampleError: A picture gives no usable embedding, as a black one.
        """
        return embed(self._embed, self._device, np.stack(images))

    def compare(self, probes: NDArray[np.float32], references: NDArray[np.float32]) -> NDArray[np.float32]:
        """arccos(cos) / pi, in 0..1, as the authors' program compares."""
        return distances.arccos(probes, references)

    def palm_features(self, regions: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What the competitive blocks say; see `deidkit_networks.tunable.Tunable`."""
        return features_of(self._features, self._device, regions)

    def palm_head(self) -> nn.Module:
        """The two fully connected layers."""
        return nn.Sequential(copy.deepcopy(self._network.hidden), copy.deepcopy(self._network.embedding)).cpu()

    def palm_network(self) -> nn.Module:
        """All layers; see `deidkit_networks.tunable.Tunable`."""
        return OfRegions(copy.deepcopy(self._network)).cpu().eval()

    def _features(self, rois: torch.Tensor) -> torch.Tensor:
        pictures = normalize(rois[:, None].float())
        return self._network.features(pictures) if self._blocks is None else self._blocks.features(pictures)

    def _embed(self, rois: torch.Tensor) -> torch.Tensor:
        with self._arithmetic():
            embedded: torch.Tensor = self._network.embedding(self._network.hidden(self._features(rois)))
        return embedded

    @cached_property
    def _blocks(self) -> Blocks | None:
        """The blocks in compiled loops, where those are faster than torch."""
        if self._device.type != "cpu" or self.precision != "float32":
            return None
        return Blocks(self._network)

    def _load(self, path: Path) -> Weights:
        if path.is_file() and is_pickled(path):
            return published.read(path, self.architecture)
        return super()._load(path)
