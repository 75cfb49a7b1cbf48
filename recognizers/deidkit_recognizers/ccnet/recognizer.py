"""CCNet as a recognizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from deidkit.protocols import GreyImage, option
from deidkit_networks.device import Precision, choose, data_type, hardware
from deidkit_networks.embedding import embed, remark
from deidkit_networks.pickled import is_pickled
from deidkit_networks.weights import Weights, build, load
from deidkit_recognizers import distances
from deidkit_recognizers.ccnet import published
from deidkit_recognizers.ccnet.network import CCNet, CCNetShape, normalize

NAME = "ccnet"
EMBEDDED = Path(__file__).parent / "weights.safetensors"
"""The weights that travel with the package; how they were made stands in MODEL_CARD.md beside them."""


@dataclass(frozen=True)
class CCNetRecognizer:
    """CCNet (Yang et al., IEEE TIFS 2023): learnable Gabor filters in competition, embedding, angle as distance.

    The embedded weights are of a network whose head is narrower than the published one, and were trained on drawn
    palms. For the published experiment name weights of the published widths: those of the authors' program (``.pth``,
    of which only tensors are read), or your own (``deidkit train ccnet``).
    """

    weights: Path | None = option(
        None, "Weights made by deidkit train ccnet, or the authors' .pth; the embedded ones if left out", primary=True
    )
    device: str = option("auto", "auto, cpu, cuda or cuda:N")
    precision: Precision = option(
        "float32", "Of the network's arithmetic; templates of half precision agree within 0.01 in distance"
    )

    version: ClassVar[str] = "1"
    input: ClassVar[Literal["roi", "hand"]] = "roi"
    score_range: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def prepare(self, note: Callable[[str], None]) -> None:
        """Load the network.

        Raises:
            MissingModel: The weights are absent or not of this network.
            UsageError: The device is not there.
        """
        _ = self._network
        note(f"ccnet: {self.remark()}.")

    def packages(self) -> tuple[str, ...]:
        """What computes; its version is recorded."""
        return ("torch",)

    def weight_files(self) -> dict[str, Path]:
        """The weights, for their hash."""
        return {self._path.name: self._path}

    def resolved(self) -> dict[str, str]:
        """What ``device`` meant here."""
        return {"device": hardware(self._device)}

    def remark(self) -> str:
        """What the weights were trained on."""
        return remark(self._loaded, embedded=self.weights is None)

    def extract(self, images: Sequence[GreyImage]) -> NDArray[np.float32]:
        """Embeddings of length 1, the same for any batch.

        Args:
            images: (128, 128) uint8 palm ROIs.

        Returns:
            (n, d) float32; d is 2048 for the published widths.

        Raises:
            SampleError: A picture gives no usable embedding, as a black one.
        """
        return embed(self._embed, self._device, np.stack(images))

    def compare(self, probes: NDArray[np.float32], references: NDArray[np.float32]) -> NDArray[np.float32]:
        """arccos(cos) / pi, in 0..1, as the authors' program compares."""
        return distances.arccos(probes, references)

    def _embed(self, rois: torch.Tensor) -> torch.Tensor:
        kind = data_type(self.precision)
        with torch.autocast(self._device.type, kind, enabled=self.precision != "float32"):
            embedded: torch.Tensor = self._network(normalize(rois[:, None].float()))[0]
        return embedded

    @property
    def _path(self) -> Path:
        return self.weights or EMBEDDED

    @cached_property
    def _device(self) -> torch.device:
        return choose(self.device)

    @cached_property
    def _loaded(self) -> Weights:
        if self._path.is_file() and is_pickled(self._path):
            return published.read(self._path, NAME)
        return load(self._path, NAME)

    @cached_property
    def _network(self) -> CCNet:
        network = build(lambda settings: CCNet(CCNetShape.of(settings)), self._loaded, self._path)
        return network.to(self._device)
