"""Features of Inception v3 of December 2015, for measures that compare sets of pictures.

The network is torch-fidelity's, with the weights that pytorch-fid published. torch-fidelity scales pictures as
TensorFlow did; here they come to it as in pytorch-fid, with which the published numbers were computed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F  # noqa: N812 - the name everyone gives it
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from deidkit import models
from deidkit.errors import MissingModel
from deidkit.measures.quality import LONGEST_SIDE, reduced
from deidkit.protocols import Image, option
from deidkit_networks.device import choose, hardware
from deidkit_networks.pickled import state_dict

FILE = "pt_inception-2015-12-05-6726825d.pth"
"""File of the weights, as named by pytorch-fid."""

FEATURES = 2048
SIDE = 299
"""Side of the network's input in pixels."""

ORIGIN: dict[str, object] = {
    "network": "Inception v3 of 2015-12-05",
    "dimensions": FEATURES,
    "longest_side": LONGEST_SIDE,
    "reduction": "Lanczos",
}
"""Parameters that document the features in reports."""


@dataclass(frozen=True)
class OnInception:
    """Base of quality measures that compare features of Inception v3."""

    weights: Path | None = option(None, f"The file {FILE}; the fetched one if left out", primary=True)
    device: str = option("auto", "auto, cpu, cuda or cuda:N")

    version: ClassVar[str] = "3"
    metric: ClassVar[str]

    def prepare(self, note: Callable[[str], None]) -> None:
        """Load the network. Raises MissingModel."""
        if self.weights is None:
            models.announce("inception-fid", note)
        _ = self._network
        note(f"{self.metric}: Inception v3 as of December 2015, trained on ImageNet.")

    def packages(self) -> tuple[str, ...]:
        """Packages whose versions are recorded."""
        return ("torch", "torch-fidelity", "torchmetrics")

    def weight_files(self) -> dict[str, Path]:
        """Weight file to be hashed. Raises MissingModel."""
        return {self._file.name: self._file}

    def resolved(self) -> dict[str, str]:
        """Device that was actually used."""
        return {"device": hardware(self._torch_device)}

    def measure(self, original: Image, copies: Sequence[Image]) -> NDArray[np.float32]:
        """(n, 2, 2048) float32 features of the original and of the copy, for each copy."""
        first = self._features(original)
        return np.stack([np.stack([first, self._features(copy)]) for copy in copies])

    def _features(self, picture: Image) -> NDArray[np.float32]:
        values = (
            torch.from_numpy(reduced(picture).astype(np.float32)).permute(2, 0, 1)[None].to(self._torch_device) / 255.0
        )
        x = F.interpolate(values, (SIDE, SIDE), mode="bilinear", align_corners=False) * 2.0 - 1.0
        with torch.inference_mode():
            for name, part in self._network.named_children():
                if name == "fc":
                    break
                x = part(x)
        features: NDArray[np.float32] = x.flatten().float().cpu().numpy()
        return features

    @cached_property
    def _torch_device(self) -> torch.device:
        return choose(self.device)

    @cached_property
    def _file(self) -> Path:
        return self.weights or models.path("inception-fid") / FILE

    @cached_property
    def _network(self) -> FeatureExtractorInceptionV3:
        state_dict(self._file)  # reports a bad file clearly, and refuses pickled code
        try:
            network = FeatureExtractorInceptionV3("inception", [str(FEATURES)], str(self._file))
        except RuntimeError as error:
            raise MissingModel(f"{self._file} is of another network than Inception v3; fetch it again.") from error
        return network.to(self._torch_device).eval().requires_grad_(False)
