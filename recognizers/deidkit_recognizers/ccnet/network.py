"""CCNet's network: comprehensive competition among learnable Gabor responses.

Yang, Huangfu, Leng, Zhang, Teoh, Zhang: "Comprehensive Competition Mechanism in Palmprint Recognition",
IEEE TIFS 2023, DOI 10.1109/TIFS.2023.3306104; numbers not in the text are those of its authors' program.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everyone gives it

CHANNEL_WEIGHT = 0.8
"""Share of the competition across orientations; the rest is split between rows and columns."""


@dataclass(frozen=True)
class CCNetShape:
    """Scalable dimensions of the network; the defaults are the published ones.

    Attributes:
        competitors: Orientations of the three blocks.
        hidden: Width of the first fully connected layer.
        embedding: Width of the second, whose output is the template.
    """

    competitors: tuple[int, int, int] = (9, 36, 9)
    hidden: int = 4096
    embedding: int = 2048

    def values(self) -> dict[str, object]:
        """Ready for JSON."""
        return asdict(self)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> CCNetShape:
        """From `values`, perhaps read from JSON."""
        first, second, third = values["competitors"]
        return cls((first, second, third), values["hidden"], values["embedding"])


class LearnableGabor(nn.Module):
    """A bank of Gabor filters with learned, shared width, aspect and frequency, and fixed orientations.

    Args:
        competitors: Number of orientations.
        size: Side of the kernel in pixels, odd.
        ratio: Scale of the initial values: sigma 9.2 x ratio, frequency 0.057 / ratio.
    """

    def __init__(self, competitors: int, size: int, ratio: float) -> None:
        super().__init__()
        self.size = size
        self.gamma = nn.Parameter(torch.tensor([2.0]))
        self.sigma = nn.Parameter(torch.tensor([9.2 * ratio]))
        self.frequency = nn.Parameter(torch.tensor([0.057 / ratio]))
        angles = torch.arange(competitors, dtype=torch.float32) * math.pi / competitors
        span = torch.arange(size, dtype=torch.float32) - size // 2
        rows, columns = torch.meshgrid(span, span, indexing="ij")
        cosine, sine = torch.cos(angles)[:, None, None], torch.sin(angles)[:, None, None]
        self.register_buffer("along", rows * cosine + columns * sine, persistent=False)
        self.register_buffer("across", columns * cosine - rows * sine, persistent=False)

    def kernels(self) -> Tensor:
        """(competitors, 1, size, size) filters, each of mean zero."""
        along, across = self.get_buffer("along"), self.get_buffer("across")
        envelope = torch.exp(-0.5 * ((self.gamma * along) ** 2 + across**2) / (8.0 * self.sigma**2))
        wave = -envelope * torch.cos(2.0 * math.pi * self.frequency * along)
        return (wave - wave.mean(dim=(1, 2), keepdim=True)).unsqueeze(1)

    def forward(self, picture: Tensor) -> Tensor:
        """Filter with stride 2.

        All input channels are filtered by the same bank, so their sum is filtered once: the same result for a fraction
        of the work.
        """
        summed = picture.sum(dim=1, keepdim=True)
        return F.conv2d(summed, self.kernels(), stride=2, padding=self.size // 2)


class Competition(nn.Module):
    """Competition across orientations, rows and columns, then squeeze and excitation, a convolution and pooling."""

    def __init__(self, competitors: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(competitors, competitors, bias=False)
        self.excite = nn.Linear(competitors, competitors, bias=False)
        self.convolution = nn.Conv2d(competitors, 16, kernel_size=5, stride=2)

    def forward(self, responses: Tensor) -> Tensor:
        """(n, c, s, s) Gabor responses -> (n, 16, t, t) features."""
        rest = (1.0 - CHANNEL_WEIGHT) / 2.0
        won = CHANNEL_WEIGHT * responses.softmax(dim=1) + rest * (responses.softmax(dim=2) + responses.softmax(dim=3))
        weights = torch.sigmoid(self.excite(F.relu(self.squeeze(won.mean(dim=(2, 3))))))
        return F.max_pool2d(self.convolution(won * weights[:, :, None, None]), 2)


class CompetitiveBlock(nn.Module):
    """One scale: first order on the picture, second order on the first one's raw responses."""

    def __init__(self, competitors: int, size: int, ratio: float) -> None:
        super().__init__()
        self.first_gabor = LearnableGabor(competitors, size, ratio)
        self.second_gabor = LearnableGabor(competitors, size, ratio)
        self.first = Competition(competitors)
        self.second = Competition(competitors)

    def forward(self, picture: Tensor) -> Tensor:
        """(n, 1, 128, 128) -> (n, 4384): 16 x 15 x 15 of the first order and 16 x 7 x 7 of the second."""
        responses = self.first_gabor(picture)
        again = self.second_gabor(responses)
        return torch.cat([self.first(responses).flatten(1), self.second(again).flatten(1)], dim=1)


class CCNet(nn.Module):
    """CCNet without its classifier.

    Args:
        shape: The published widths unless said otherwise.
    """

    KERNELS = ((35, 1.0), (17, 0.5), (7, 0.25))
    FEATURES = 3 * 16 * (15 * 15 + 7 * 7)

    def __init__(self, shape: CCNetShape | None = None) -> None:
        super().__init__()
        self.shape = shape or CCNetShape()
        self.blocks = nn.ModuleList(
            CompetitiveBlock(competitors, size, ratio)
            for competitors, (size, ratio) in zip(self.shape.competitors, self.KERNELS, strict=True)
        )
        self.hidden = nn.Linear(self.FEATURES, self.shape.hidden)
        self.embedding = nn.Linear(self.shape.hidden, self.shape.embedding)

    def features(self, picture: Tensor) -> Tensor:
        """(n, 1, 128, 128) -> (n, 13152), features of the three blocks."""
        return torch.cat([block(picture) for block in self.blocks], dim=1)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Embed normalised ROIs.

        Args:
            picture: (n, 1, 128, 128) float, from `normalize`.

        Returns:
            (n, embedding), the template before it is scaled to length 1; and the (n, hidden + embedding)
            features of length 1 that the contrastive loss compares.
        """
        hidden = self.hidden(self.features(picture))
        embedded = self.embedding(hidden)
        return embedded, F.normalize(torch.cat([hidden, embedded], dim=1), dim=1)


def normalize(rois: Tensor) -> Tensor:
    """Mean 0 and standard deviation 1 over the pixels of (n, 1, 128, 128) that are not black, which stay 0."""
    inside = (rois > 0).to(rois.dtype)
    count = inside.sum(dim=(2, 3), keepdim=True).clamp(min=2.0)
    mean = (rois * inside).sum(dim=(2, 3), keepdim=True) / count
    centred = (rois - mean) * inside
    deviation = (centred.square().sum(dim=(2, 3), keepdim=True) / (count - 1.0)).sqrt()
    return centred / (deviation + 1e-6)


class OfRegions(nn.Module):
    """CCNet with normalisation of raw regions."""

    def __init__(self, network: CCNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, regions: Tensor) -> Tensor:
        """(n, 128, 128) of any scale -> (n, embedding), not yet of length 1."""
        embedded: Tensor = self.network(normalize(regions[:, None].float()))[0]
        return embedded
