"""The EEHNet-style network as a recognizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from deidkit.errors import SampleError
from deidkit.protocols import HandImage, option
from deidkit_networks.device import Precision, choose, data_type, hardware
from deidkit_networks.embedding import embed, remark
from deidkit_networks.weights import Weights, build, load
from deidkit_recognizers import distances
from deidkit_recognizers.eehnet.alignment import align
from deidkit_recognizers.eehnet.network import HandNetwork, HandShape

NAME = "eehnet"
EMBEDDED = Path(__file__).parent / "weights.safetensors"
"""The weights that travel with the package; how they were made stands in MODEL_CARD.md beside them."""


@dataclass(frozen=True)
class HandRecognizer:
    """EEHNet-style, not EEHNet: whole hands by palm and fingers (after the abstract of arXiv 2311.05383).

    A lab that has the authors' own network can export it to ONNX and name it as ``onnx:FILE``.
    """

    weights: Path | None = option(
        None, "Weights made by deidkit train eehnet; the embedded ones if left out", primary=True
    )
    device: str = option("auto", "auto, cpu, cuda or cuda:N")
    precision: Precision = option("float32", "Of the network's arithmetic")

    version: ClassVar[str] = "1"
    input: ClassVar[Literal["roi", "hand"]] = "hand"
    score_range: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def prepare(self, note: Callable[[str], None]) -> None:
        """Load the network.

        Raises:
            MissingModel: The weights are absent or not of this network.
            UsageError: The device is not there.
        """
        _ = self._network
        note(f"eehnet: {self.remark()}.")

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
        """That it is not EEHNet itself, and what the weights were trained on."""
        return f"EEHNet-style, not the published EEHNet; {remark(self._loaded, embedded=self.weights is None)}"

    def extract(self, images: Sequence[HandImage]) -> NDArray[np.float32]:
        """Embeddings of length 1 of the most confident hand of each picture, the same for any batch.

        Raises:
            SampleError: No hand was found.
        """
        if any(not image.hands for image in images):
            raise SampleError("no hand found")
        aligned = [align(image.pixels, image.hands[0]) for image in images]
        hands, keypoints = (np.stack(each) for each in zip(*aligned, strict=True))
        return embed(self._embed, self._device, hands, keypoints)

    def compare(self, probes: NDArray[np.float32], references: NDArray[np.float32]) -> NDArray[np.float32]:
        """(1 - cos) / 2, in 0..1."""
        return distances.cosine(probes, references)

    def _embed(self, hands: torch.Tensor, keypoints: torch.Tensor) -> torch.Tensor:
        kind = data_type(self.precision)
        with torch.autocast(self._device.type, kind, enabled=self.precision != "float32"):
            embedded: torch.Tensor = self._network(hands[:, None].float(), keypoints)
        return embedded

    @property
    def _path(self) -> Path:
        return self.weights or EMBEDDED

    @cached_property
    def _device(self) -> torch.device:
        return choose(self.device)

    @cached_property
    def _loaded(self) -> Weights:
        return load(self._path, NAME)

    @cached_property
    def _network(self) -> HandNetwork:
        network = build(lambda settings: HandNetwork(HandShape.of(settings)), self._loaded, self._path)
        return network.to(self._device)
