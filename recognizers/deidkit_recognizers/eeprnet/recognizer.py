"""ROI-LAnet + EE-PRnet as a recognizer."""

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
from deidkit_recognizers.eeprnet.framing import frame
from deidkit_recognizers.eeprnet.network import EEPRnet, Shape, prepared

NAME = "eeprnet"


@dataclass(frozen=True)
class EEPRnetRecognizer:
    """ROI-LAnet + EE-PRnet (Matkowski et al., IEEE TIFS 2019): whole hands, palm found and flattened by the network.

    The authors rank classes by partial least squares, which gives no distance of two pictures; the angle between
    embeddings is our choice. It brings no weights: it starts from VGG-16 trained on photographs, and from nothing it
    does not learn in minutes.
    """

    weights: Path = option(help="Weights made by deidkit train eeprnet", primary=True)
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
        note(f"eeprnet: {self.remark()}.")

    def packages(self) -> tuple[str, ...]:
        """What computes; its version is recorded."""
        return ("torch",)

    def weight_files(self) -> dict[str, Path]:
        """The weights, for their hash."""
        return {self.weights.name: self.weights}

    def resolved(self) -> dict[str, str]:
        """What ``device`` meant here."""
        return {"device": hardware(self._device)}

    def remark(self) -> str:
        """What the weights were trained on."""
        return remark(self._loaded, embedded=False)

    def extract(self, images: Sequence[HandImage]) -> NDArray[np.float32]:
        """Embeddings of length 1 of the most confident hand of each picture, the same for any batch.

        Raises:
            SampleError: No hand was found.
        """
        if any(not image.hands for image in images):
            raise SampleError("no hand found")
        framed = np.stack([frame(image.pixels, image.hands[0])[0] for image in images])
        return embed(self._embed, self._device, framed)

    def compare(self, probes: NDArray[np.float32], references: NDArray[np.float32]) -> NDArray[np.float32]:
        """arccos(cos) / pi, in 0..1."""
        return distances.arccos(probes, references)

    def _embed(self, hands: torch.Tensor) -> torch.Tensor:
        with torch.autocast(self._device.type, data_type(self.precision), enabled=self.precision != "float32"):
            embedded: torch.Tensor = self._network(prepared(hands))
        return embedded

    @cached_property
    def _device(self) -> torch.device:
        return choose(self.device)

    @cached_property
    def _loaded(self) -> Weights:
        return load(self.weights, NAME)

    @cached_property
    def _network(self) -> EEPRnet:
        network = build(lambda settings: EEPRnet(Shape.of(settings)), self._loaded, self.weights)
        return network.to(self._device)
