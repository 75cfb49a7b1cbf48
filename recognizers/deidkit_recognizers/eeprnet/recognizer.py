"""ROI-LAnet + EE-PRnet as a recognizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from deidkit.errors import SampleError
from deidkit.protocols import HandImage, option
from deidkit_networks.embedding import embed
from deidkit_networks.recognizer import NetworkRecognizer
from deidkit_recognizers import distances
from deidkit_recognizers.eeprnet.framing import frame
from deidkit_recognizers.eeprnet.network import EEPRnet, Shape, prepared


@dataclass(frozen=True)
class EEPRnetRecognizer(NetworkRecognizer[EEPRnet]):
    """ROI-LAnet + EE-PRnet (Matkowski et al., IEEE TIFS 2019): whole hands, palm found and flattened by the network.

    The authors rank classes by partial least squares, which gives no distance of two pictures; the angle between
    embeddings is our choice. It brings no weights: it starts from VGG-16 trained on photographs, and from nothing it
    does not learn in minutes.
    """

    weights: Path = option(help="Weights made by deidkit train eeprnet", primary=True)

    input: ClassVar[Literal["roi", "hand"]] = "hand"
    architecture: ClassVar[str] = "eeprnet"

    def build(self, settings: Mapping[str, Any]) -> EEPRnet:
        """See `NetworkRecognizer`."""
        return EEPRnet(Shape.of(settings))

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
        with self._arithmetic():
            embedded: torch.Tensor = self._network(prepared(hands))
        return embedded
