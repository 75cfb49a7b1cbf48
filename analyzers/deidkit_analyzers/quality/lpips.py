"""LPIPS (Zhang et al., CVPR 2018, arXiv 1801.03924), version 0.1 on VGG-16, the published method's, by its authors."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import lpips
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deidkit import models
from deidkit.errors import MissingModel
from deidkit.measures.means import mean_estimate
from deidkit.measures.quality import LONGEST_SIDE, TOO_SMALL, reduced
from deidkit.protocols import Image, IntervalSettings, option
from deidkit_networks.device import choose, hardware
from deidkit_networks.pickled import state_dict

if TYPE_CHECKING:
    from deidkit.result import Estimate

TRUNK = "vgg16-397923af.pth"
"""File of VGG-16's weights, as named by torchvision."""

SMALLEST = 16
"""Minimum side in pixels: four poolings reduce it to one."""


@dataclass(frozen=True)
class Lpips:
    """LPIPS with VGG-16: how unlike a network, taught by what people find alike, finds original and copy."""

    weights: Path | None = option(None, f"The file {TRUNK}; the fetched one if left out", primary=True)
    device: str = option("auto", "auto, cpu, cuda or cuda:N")

    version: ClassVar[str] = "3"
    metric: ClassVar[str] = "lpips"

    def prepare(self, note: Callable[[str], None]) -> None:
        """Load the networks. Raises MissingModel."""
        if self.weights is None:
            models.announce("vgg16", note)
        _ = self._network
        note("lpips: version 0.1 on VGG-16, trained on ImageNet.")

    def packages(self) -> tuple[str, ...]:
        """Packages whose versions are recorded."""
        return ("torch", "torchvision", "lpips")

    def weight_files(self) -> dict[str, Path]:
        """Files of VGG-16 and of the package's channel weights, to be hashed. Raises MissingModel."""
        own = Path(lpips.__file__).parent / "weights/v0.1/vgg.pth"
        return {self._file.name: self._file, own.name: own}

    def resolved(self) -> dict[str, str]:
        """Device that was actually used."""
        return {"device": hardware(self._torch_device)}

    def measure(self, original: Image, copies: Sequence[Image]) -> NDArray[np.float64]:
        """(n,) float64 distances, from 0, of copies from their original; NaN for pictures smaller than 16 pixels."""
        if min(original.shape[:2]) < SMALLEST:
            return np.full(len(copies), np.nan)
        first = self._tensor(original)
        with torch.inference_mode():
            return np.array([float(self._network(first, self._tensor(copy))) for copy in copies], np.float64)

    def estimate(
        self,
        measured: NDArray[np.float64],
        samples: NDArray[np.int32],
        subjects: NDArray[np.int32],
        settings: IntervalSettings,
    ) -> Estimate:
        """Mean over pictures; see `deidkit.protocols.QualityMeasure.estimate`."""
        return mean_estimate(
            [TOO_SMALL if np.isnan(value) else float(value) for value in measured],
            subjects,
            settings,
            unit="distance",
            safer="lower",
            parameters={"network": "VGG-16", "version": "0.1", "longest_side": LONGEST_SIDE, "reduction": "Lanczos"},
        )

    def _tensor(self, picture: Image) -> Tensor:
        """(1, 3, h, w) in -1..1."""
        values = torch.from_numpy(reduced(picture).astype(np.float32)).permute(2, 0, 1)[None]
        return values.to(self._torch_device) / 127.5 - 1.0

    @cached_property
    def _torch_device(self) -> torch.device:
        return choose(self.device)

    @cached_property
    def _file(self) -> Path:
        return self.weights or models.path("vgg16") / TRUNK

    @cached_property
    def _network(self) -> lpips.LPIPS:
        tensors = state_dict(self._file)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # lpips uses deprecated arguments of torchvision
            network = lpips.LPIPS(net="vgg", pnet_rand=True, verbose=False)  # otherwise it downloads weights itself
        trunk = network.net.state_dict()
        places = {name: f"features.{name.partition('.')[2]}" for name in trunk}
        for name, place in places.items():
            if place not in tensors or tensors[place].shape != trunk[name].shape:
                raise MissingModel(f"{self._file} is of another network: it has no {place} of the right shape.")
        network.net.load_state_dict({name: tensors[place] for name, place in places.items()})
        return network.to(self._torch_device).eval().requires_grad_(False)
