"""The EEHNet-style network as a recognizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from deidkit.errors import SampleError
from deidkit.protocols import HandImage, option
from deidkit_networks.embedding import embed, features_of
from deidkit_networks.recognizer import NetworkRecognizer
from deidkit_recognizers import distances
from deidkit_recognizers.eehnet.alignment import align
from deidkit_recognizers.eehnet.network import HandNetwork, HandShape, PalmAlone

EMBEDDED = Path(__file__).parent / "weights.safetensors"
"""The embedded weights; MODEL_CARD.md next to them says how they were made."""


@dataclass(frozen=True)
class HandRecognizer(NetworkRecognizer[HandNetwork]):
    """EEHNet-style, not EEHNet: whole hands by palm and fingers (after the abstract of arXiv 2311.05383).

    A lab that has the authors' own network can export it to ONNX and name it as ``onnx:FILE``.
    """

    weights: Path | None = option(
        None, "Weights made by deidkit train eehnet; the embedded ones if left out", primary=True
    )

    input: ClassVar[Literal["roi", "hand"]] = "hand"
    architecture: ClassVar[str] = "eehnet"
    embedded_weights: ClassVar[Path | None] = EMBEDDED

    def build(self, settings: Mapping[str, Any]) -> HandNetwork:
        """See `NetworkRecognizer`."""
        return HandNetwork(HandShape.of(settings))

    def remark(self) -> str:
        """That it is not EEHNet itself, and what the weights were trained on."""
        return f"EEHNet-style, not the published EEHNet; {super().remark()}"

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

    def palm_features(self, regions: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What the palm's network says of a palm region; see `deidkit_networks.tunable.Tunable`."""
        return features_of(self._network.palm_features, self._device, regions)

    def palm_head(self) -> nn.Module:
        """The palm's part of the last layer."""
        return PalmAlone(self._network).head.cpu()

    def palm_network(self) -> nn.Module:
        """The layers that see the palm; see `deidkit_networks.tunable.Tunable`."""
        return PalmAlone(self._network).cpu().eval()

    def _embed(self, hands: torch.Tensor, keypoints: torch.Tensor) -> torch.Tensor:
        with self._arithmetic():
            embedded: torch.Tensor = self._network(hands[:, None].float(), keypoints)
        return embedded
