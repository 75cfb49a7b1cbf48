"""ROI-LAnet finds nine points of the palm; a thin-plate spline flattens it; EE-PRnet embeds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everyone gives it

MEAN = (123.68, 116.78, 103.94)
"""Subtracted from RGB in 0..255."""

ROI = 112
"""Side of the flattened palm in pixels."""

CONTROL = torch.cartesian_prod(torch.tensor([-1.0, 0.0, 1.0]), torch.tensor([-1.0, 0.0, 1.0]))
"""(9, 2), x y of the control points in the flattened palm: three down, column by column."""


@dataclass(frozen=True)
class Shape:
    """Scalable dimensions of the network; the defaults are the published ones.

    Attributes:
        width: Channels of the first block of VGG; the next have twice and four times as many.
        hidden: Width of ROI-LAnet's first fully connected layer; the second has a quarter of it.
    """

    width: int = 64
    hidden: int = 512
    embedding: int = 512

    def values(self) -> dict[str, object]:
        """Ready for JSON."""
        return asdict(self)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Shape:
        """From `values`, perhaps read from JSON."""
        return cls(values["width"], values["hidden"], values["embedding"])


def vgg_to_pool3(width: int) -> nn.Sequential:
    """VGG-16 up to its third pooling: an eighth of height and width, 4 x `width` channels."""
    layers: list[nn.Module] = []
    inputs = 3
    for channels, count in ((width, 2), (2 * width, 2), (4 * width, 3)):
        for _ in range(count):
            layers += [nn.Conv2d(inputs, channels, 3, padding=1), nn.ReLU()]
            inputs = channels
        layers.append(nn.MaxPool2d(2))
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return nn.Sequential(*layers)


def unit_length(features: Tensor) -> Tensor:
    """Normalise the channels at each position to norm 1: the published response normalisation (1e-6, 1, 0.5)."""
    return features / (1e-6 + features.square().sum(dim=1, keepdim=True)).sqrt()


class Localization(nn.Module):
    """ROI-LAnet."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.trunk = vgg_to_pool3(shape.width)
        self.first = nn.Conv2d(4 * shape.width, shape.hidden, 7)
        self.second = nn.Conv2d(shape.hidden, shape.hidden // 4, 1)
        self.points = nn.Conv2d(shape.hidden // 4, 18, 1)
        with torch.no_grad():  # initially a square in the middle
            self.points.weight.mul_(0.1)
            self.points.bias.copy_(0.4 * CONTROL.T.reshape(-1))  # type: ignore[union-attr]

    def forward(self, hands: Tensor) -> Tensor:
        """(n, 3, 224, 224), mean subtracted -> (n, 18): nine x, nine y."""
        small = F.avg_pool2d(hands, 4)
        seen = F.dropout(F.leaky_relu(self.first(unit_length(self.trunk(small)))), 0.2, self.training)
        seen = F.dropout(F.leaky_relu(self.second(seen)), 0.1, self.training)
        found: Tensor = self.points(seen).flatten(1)
        return found


def spline_grid(points: Tensor, size: int = ROI) -> Tensor:
    """Source position of each pixel of the flattened palm: thin-plate spline with U = r^2 log r^2, no smoothing.

    Args:
        points: (n, 18), positions of the control points in the picture, in -1..1.
        size: Side of the flattened palm.

    Returns:
        (n, size, size, 2), x y in -1..1.
    """
    control = CONTROL.to(points)
    targets = torch.stack([points[:, :9], points[:, 9:]], dim=2)
    system = torch.zeros(12, 12, device=points.device)
    system[:9, :9] = _bend(torch.cdist(control, control).square())
    system[:9, 9] = system[9, :9] = 1.0
    system[:9, 10:], system[10:, :9] = control, control.T
    sides = torch.cat([targets.float(), torch.zeros(len(points), 3, 2, device=points.device)], dim=1)
    solved = torch.linalg.solve(system.double(), sides.double()).float()
    axis = (torch.arange(size, device=points.device) + 0.5) * 2.0 / size - 1.0
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    places = torch.stack([x, y], dim=-1).reshape(-1, 2)
    basis = torch.cat([_bend(torch.cdist(places, control).square()), torch.ones(len(places), 1).to(places), places], 1)
    grid: Tensor = basis @ solved
    return grid.reshape(-1, size, size, 2)


def _bend(squared: Tensor) -> Tensor:
    return torch.where(squared > 0, squared * squared.clamp(min=1e-12).log(), torch.zeros_like(squared))


class EEPRnet(nn.Module):
    """Both networks with the spline between them.

    Args:
        shape: The published widths unless said otherwise.
    """

    def __init__(self, shape: Shape | None = None) -> None:
        super().__init__()
        self.shape = shape or Shape()
        self.localization = Localization(self.shape)
        self.trunk = vgg_to_pool3(self.shape.width)
        self.embedding = nn.Conv2d(4 * self.shape.width, self.shape.embedding, ROI // 8)

    def flatten(self, hands: Tensor, points: Tensor) -> Tensor:
        """(n, 3, 112, 112): the palm, flattened by its nine points."""
        return F.grid_sample(hands, spline_grid(points), mode="bilinear", align_corners=False)

    def features(self, palms: Tensor) -> Tensor:
        """(n, 3, 112, 112) -> (n, 4 width, 14, 14), each place of length 1."""
        return unit_length(self.trunk(palms))

    def forward(self, hands: Tensor) -> Tensor:
        """(n, 3, 224, 224), from `prepared` -> (n, embedding), not yet of length 1."""
        embedded: Tensor = self.embedding(self.features(self.flatten(hands, self.localization(hands))))
        return embedded.flatten(1)


def prepared(hands: Tensor) -> Tensor:
    """(n, 224, 224, 3) uint8 -> (n, 3, 224, 224) float, mean subtracted, in units of 64 grey levels.

    The published networks take grey levels; the first layer can learn a constant factor.
    """
    mean = torch.tensor(MEAN, device=hands.device)
    return ((hands.float() - mean) / 64.0).permute(0, 3, 1, 2)
