"""LPIPS (Zhang et al., CVPR 2018, arXiv 1801.03924), version 0.1 on VGG-16, the published method's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everyone gives it

from deidkit import models
from deidkit.measures.means import mean_estimate
from deidkit.measures.quality import LONGEST_SIDE, TOO_SMALL, reduced
from deidkit.protocols import Image, option
from deidkit_analyzers.quality.weights import fill
from deidkit_networks.device import choose, hardware

if TYPE_CHECKING:
    from deidkit.measures import IntervalSettings
    from deidkit.result import Estimate

LAYERS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512)
"""VGG-16 (Simonyan and Zisserman, arXiv 1409.1556): channels of each convolution, 0 for pooling."""

STAGES = (64, 128, 256, 512, 512)
"""Channels before every pooling and at the end."""

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""ImageNet's mean and deviation for values in -1..1, RGB."""

TRUNK, WEIGHING = "vgg16-397923af.pth", "vgg.pth"
"""Files with the weights, as torchvision and the authors named them."""

SMALLEST = 16
"""Pixels along a side that leave one place after four poolings."""


class Trunk(nn.Module):
    """VGG-16's convolutions, which tell what they see before every pooling and at the end."""

    def __init__(self) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        before = 3
        for channels in LAYERS:
            if channels:
                parts += [nn.Conv2d(before, channels, 3, padding=1), nn.ReLU()]
                before = channels
            else:
                parts.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*parts)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(n, 3, h, w) -> five stages, (n, 64, h, w) to (n, 512, h / 16, w / 16)."""
        seen = []
        for part in self.features:
            if isinstance(part, nn.MaxPool2d):
                seen.append(x)
            x = part(x)
        return [*seen, x]


class Weighing(nn.Module):
    """One weight a channel for each of the five stages, learned from what people find alike."""

    def __init__(self) -> None:
        super().__init__()
        for number, channels in enumerate(STAGES):
            weight = nn.Conv2d(channels, 1, 1, bias=False)
            # Named as in the file: the second part, behind a dropout.
            self.add_module(f"lin{number}", nn.ModuleDict({"model": nn.ModuleDict({"1": weight})}))

    def weights(self) -> list[Tensor]:
        """(1, channels, 1, 1) each."""
        return list(self.parameters())


@dataclass(frozen=True)
class Lpips:
    """LPIPS on VGG-16: how unlike two pictures are to a network, weighed by what people find unlike; 0 is the same."""

    weights: Path | None = option(
        None, f"Folder with {TRUNK} and {WEIGHING}; the fetched ones if left out", primary=True
    )
    device: str = option("auto", "auto, cpu, cuda or cuda:N")

    version: ClassVar[str] = "1"
    metric: ClassVar[str] = "lpips"

    def prepare(self, note: Callable[[str], None]) -> None:
        """Load the networks. Raises MissingModel."""
        _ = self._networks
        note("lpips: LPIPS 0.1 on VGG-16 trained on ImageNet.")

    def packages(self) -> tuple[str, ...]:
        """What computes; its version is recorded."""
        return ("torch",)

    def weight_files(self) -> dict[str, Path]:
        """Both files, for their hashes. Raises MissingModel."""
        return {path.name: path for path in (self._trunk_file, self._weighing_file)}

    def resolved(self) -> dict[str, str]:
        """What ``device`` meant here."""
        return {"device": hardware(self._place)}

    def measure(self, original: Image, copies: Sequence[Image]) -> NDArray[np.float64]:
        """Distances of copies from their original.

        Returns:
            (n,) float64 from 0; nan where the pictures are smaller than 16 pixels.
        """
        if min(original.shape[:2]) < SMALLEST:
            return np.full(len(copies), np.nan)
        with torch.inference_mode():
            one = [_unit(stage) for stage in self._seen(original)]
            found = []
            for copy in copies:
                other = [_unit(stage) for stage in self._seen(copy)]
                found.append(sum(float(_distance(*stage)) for stage in zip(one, other, self._weights, strict=True)))
        return np.array(found, np.float64)

    def estimate(
        self,
        measured: NDArray[np.float64],
        samples: NDArray[np.int32],
        subjects: NDArray[np.int32],
        settings: IntervalSettings,
    ) -> Estimate:
        """The mean over pictures; see `deidkit.protocols.QualityMeasure.estimate`."""
        return mean_estimate(
            [TOO_SMALL if np.isnan(value) else float(value) for value in measured],
            subjects,
            settings,
            unit="distance",
            safer="lower",
            parameters={"network": "VGG-16", "version": "0.1", "longest_side": LONGEST_SIDE, "reduction": "Lanczos"},
        )

    def _seen(self, picture: Image) -> list[Tensor]:
        values = torch.from_numpy(reduced(picture).astype(np.float32)).permute(2, 0, 1)[None] / 127.5 - 1.0
        shift, scale = (torch.tensor(value)[:, None, None] for value in (SHIFT, SCALE))
        stages: list[Tensor] = self._networks[0](((values - shift) / scale).to(self._place))
        return stages

    @property
    def _weights(self) -> list[Tensor]:
        return [weight.to(self._place) for weight in self._networks[1].weights()]

    @cached_property
    def _place(self) -> torch.device:
        return choose(self.device)

    @cached_property
    def _trunk_file(self) -> Path:
        return (self.weights or models.path("vgg16")) / TRUNK

    @cached_property
    def _weighing_file(self) -> Path:
        return (self.weights or models.path("lpips-vgg")) / WEIGHING

    @cached_property
    def _networks(self) -> tuple[Any, Any]:
        return fill(Trunk(), self._trunk_file).to(self._place), fill(Weighing(), self._weighing_file)


def _unit(stage: Tensor) -> Tensor:
    """Each place's channels at length 1."""
    return stage / (stage.square().sum(dim=1, keepdim=True).sqrt() + 1e-10)


def _distance(one: Tensor, other: Tensor, weight: Tensor) -> Tensor:
    return F.conv2d((one - other).square(), weight).mean()
