"""The PKLNet-style network: segments the hand and locates three keypoints of the palm.

Liang, Li, Zhang, Lai, Lu: "PKLNet: Keypoint Localization Neural Network for Touchless Palmprint Recognition Based on
Edge-Aware Regression", IEEE J. Sel. Top. Signal Process. 17(3):662-676, 2023. Sizes, numbers of channels, heads and
blocks are those of its authors' program; the keypoint part is ours. README.md says what differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everyone gives it

from deidkit_analyzers.pklnet.blocks import Bottleneck, Exchange, convolution, resized

HEADS = (1, 2, 4, 8)
"""Attention heads of the four branches."""
MODULES = (1, 1, 2)
"""Number of modules in stages two to four; the first stage is one bottleneck."""
DROP_PATH = 0.2
"""Stochastic depth rate of the last module; earlier modules have lower rates."""
CLASSES = 3
BACKGROUND, HAND, EDGE = range(CLASSES)
KEYPOINTS = 3
"""The valley next to the index finger, that next to the little finger, the centre of the region of interest."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""RGB mean and standard deviation of ImageNet."""


@dataclass(frozen=True)
class PKLNetShape:
    """Size of the network; the defaults are the published ones.

    Attributes:
        height: Height of the input in pixels; its width is three quarters of it.
        channels: Channels of the four branches.
        stem: Channels of the stem.
        context: Channels of the object-contextual representation; half as many in its keys.
        points: Channels of the keypoint part.
    """

    height: int = 400
    channels: tuple[int, int, int, int] = (32, 64, 64, 64)
    stem: int = 64
    context: int = 512
    points: int = 64

    @property
    def width(self) -> int:
        """Width of the input in pixels."""
        return 3 * self.height // 4

    def values(self) -> dict[str, Any]:
        """Convert to plain values for JSON."""
        return asdict(self)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> PKLNetShape:
        """Convert from `values`, possibly read from JSON."""
        first, second, third, fourth = values["channels"]
        return cls(
            values["height"], (first, second, third, fourth), values["stem"], values["context"], values["points"]
        )


class Located(NamedTuple):
    """Output of the network.

    Attributes:
        logits: (n, 3, h / 4, w / 4) of background, hand and edge.
        auxiliary: (n, 3, h / 4, w / 4) the coarse guess that the object regions are gathered by.
        heatmaps: (n, 3, a, b) of the keypoints, each with sum 1, in the frame that the transformer network chose.
        theta: (n, 2, 3) affine map from that frame to the input, both in -1..1 from edge to edge.
        by_heatmap: (n, 3, 2) x y of the keypoints, as the heat maps say, in -1..1 of the input.
        by_regression: (n, 3, 2) as the fully connected layers say.
    """

    logits: Tensor
    auxiliary: Tensor
    heatmaps: Tensor
    theta: Tensor
    by_heatmap: Tensor
    by_regression: Tensor

    @property
    def points(self) -> Tensor:
        """(n, 3, 2) final points: mean of heat map and regression estimates."""
        return 0.5 * (self.by_heatmap + self.by_regression)


class PKLNet(nn.Module):
    """The whole network: backbone, segmentation and keypoint parts."""

    def __init__(self, shape: PKLNetShape) -> None:
        super().__init__()
        self.shape = shape
        self.backbone = Backbone(shape)
        self.segmentation = ObjectContext(sum(shape.channels), shape.context)
        self.keypoints = Keypoints(shape)

    def forward(self, pictures: Tensor) -> Located:
        """Run the network on (n, 3, height, width) normalised pictures."""
        logits, auxiliary = self.segmentation(self.backbone(pictures))
        return Located(logits, auxiliary, *self.keypoints(logits))


def normalize(pictures: Tensor) -> Tensor:
    """Normalise (n, 3, h, w) values 0..255 by ImageNet's mean and standard deviation."""
    mean = torch.tensor(MEAN, device=pictures.device).reshape(1, 3, 1, 1)
    std = torch.tensor(STD, device=pictures.device).reshape(1, 3, 1, 1)
    return (pictures.float() / 255.0 - mean) / std


class Backbone(nn.Module):
    """A slimmed HRFormer: four branches of decreasing resolution, one block each, with exchange after every module."""

    def __init__(self, shape: PKLNetShape) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            convolution(3, shape.stem, stride=2, activation=nn.ReLU()),
            convolution(shape.stem, shape.stem, stride=2, activation=nn.ReLU()),
            Bottleneck(shape.stem, shape.stem),
        )
        inward = (4 * shape.stem, *shape.channels[1:])
        self.first = convolution(inward[0], shape.channels[0], activation=nn.ReLU())
        self.lower = nn.ModuleList(
            convolution(inward[branch], shape.channels[branch + 1], stride=2, activation=nn.ReLU())
            for branch in range(3)
        )
        total = sum(MODULES)
        self.stages = nn.ModuleList()
        done = 0
        for stage, count in enumerate(MODULES):
            modules = []
            for _ in range(count):
                done += 1
                modules.append(Exchange(shape.channels[: stage + 2], HEADS[: stage + 2], DROP_PATH * done / total))
            self.stages.append(nn.Sequential(*modules))

    def forward(self, pictures: Tensor) -> Tensor:
        """(n, 3, h, w) -> (n, sum of channels, h / 4, w / 4)."""
        x = self.stem(pictures)
        maps, deepest = [self.first(x)], x
        for lower, stage in zip(self.lower, self.stages, strict=True):
            maps = stage([*maps, lower(deepest)])
            deepest = maps[-1]
        size = maps[0].shape[2:]
        return torch.cat([resized(x, size) for x in maps], dim=1)


class ObjectContext(nn.Module):
    """Object-contextual representations (Yuan, Chen, Wang, ECCV 2020): each pixel attends to the classes' means."""

    def __init__(self, inward: int, width: int) -> None:
        super().__init__()
        key = width // 2
        self.auxiliary = nn.Sequential(convolution(inward, inward, activation=nn.ReLU()), nn.Conv2d(inward, CLASSES, 1))
        self.pixels = convolution(inward, width, activation=nn.ReLU())
        self.query = nn.Sequential(
            convolution(width, key, 1, activation=nn.ReLU()), convolution(key, key, 1, activation=nn.ReLU())
        )
        self.key = nn.Sequential(nn.Linear(width, key), nn.ReLU(), nn.Linear(key, key), nn.ReLU())
        self.value = nn.Sequential(nn.Linear(width, key), nn.ReLU())
        self.up = convolution(key, width, 1, activation=nn.ReLU())
        self.mix = nn.Sequential(convolution(2 * width, width, 1, activation=nn.ReLU()), nn.Dropout2d(0.05))
        self.classify = nn.Conv2d(width, CLASSES, 1)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(n, c, h, w) -> two times (n, 3, h, w): the logits and the coarse guess."""
        auxiliary = self.auxiliary(features)
        pixels = self.pixels(features)
        n, _, h, w = pixels.shape
        share = auxiliary.flatten(2).softmax(dim=2)
        objects = share @ pixels.flatten(2).transpose(1, 2)
        query = self.query(pixels).flatten(2).transpose(1, 2)
        attended = F.scaled_dot_product_attention(query, self.key(objects), self.value(objects))
        context = self.up(attended.transpose(1, 2).reshape(n, -1, h, w))
        return self.classify(self.mix(torch.cat([context, pixels], dim=1))), auxiliary


class Keypoints(nn.Module):
    """Locates three points from the segmentation logits only, so that shape counts and not texture."""

    def __init__(self, shape: PKLNetShape) -> None:
        super().__init__()
        width = shape.points
        self.size = (shape.height // 2, shape.width // 2)
        self.align = Aligner()
        self.fine = convolution(2 * CLASSES, width // 4, activation=nn.ReLU())
        self.medium = convolution(width // 4, width // 2, stride=2, activation=nn.ReLU())
        self.coarse = convolution(width // 2 + 2, width, stride=2, activation=nn.ReLU())
        self.transformer = nn.TransformerEncoderLayer(
            width, 4, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.narrow = convolution(width, width // 2, 1, activation=nn.ReLU())
        self.join = convolution(width // 2, width // 2, activation=nn.ReLU())
        self.heatmap = nn.Conv2d(width // 2, KEYPOINTS, 1)
        half = [(side + 1) // 2 for side in self.size]
        cells = ((half[0] + 1) // 2) * ((half[1] + 1) // 2)
        self.squeeze = convolution(width, 8, 1, activation=nn.ReLU())
        self.regress = nn.Sequential(nn.Linear(8 * cells, 128), nn.ReLU(), nn.Linear(128, 2 * KEYPOINTS))

    def forward(self, logits: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(n, 3, h / 4, w / 4) -> heat maps, theta, heat map points and regressed points, as in `Located`."""
        seen = torch.cat([logits, logits.softmax(dim=1)], dim=1)
        theta = self.align(seen)
        grid = F.affine_grid(theta, [len(seen), 1, *self.size], align_corners=False)
        aligned = F.grid_sample(seen, grid.to(seen.dtype), padding_mode="border", align_corners=False)
        medium = self.medium(self.fine(aligned))
        n, _, h, w = medium.shape
        places = torch.stack(torch.meshgrid(centres(w, medium), centres(h, medium), indexing="xy"))
        coarse = self.coarse(torch.cat([medium, places.expand(n, -1, -1, -1)], dim=1))
        tokens = self.transformer(coarse.flatten(2).transpose(1, 2))
        coarse = tokens.transpose(1, 2).reshape(coarse.shape)
        maps = self.heatmap(self.join(resized(self.narrow(coarse), (h, w)) + medium)).float()
        heatmaps = maps.flatten(2).softmax(dim=2).reshape(maps.shape)
        regressed = self.regress(self.squeeze(coarse).flatten(1)).float().reshape(n, KEYPOINTS, 2)
        return heatmaps, theta, mapped(theta, expectation(heatmaps)), mapped(theta, regressed)


class Aligner(nn.Module):
    """Localisation network of the affine spatial transformer (Jaderberg et al., 2015), initially the identity."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inward, outward in ((2 * CLASSES, 16), (16, 64), (64, 64)):
            layers += [nn.AvgPool2d(2, ceil_mode=True), convolution(inward, outward, activation=nn.ReLU())]
        self.convolutions = nn.Sequential(*layers, nn.AdaptiveAvgPool2d((4, 3)), nn.Flatten())
        self.hidden = nn.Linear(64 * 12, 128)
        self.theta = nn.Linear(128, 6)
        nn.init.zeros_(self.theta.weight)
        with torch.no_grad():
            self.theta.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]))

    def forward(self, seen: Tensor) -> Tensor:
        """(n, 6, h, w) -> (n, 2, 3)."""
        theta: Tensor = self.theta(F.relu(self.hidden(self.convolutions(seen)))).float()
        return theta.reshape(-1, 2, 3)


def centres(count: int, like: Tensor) -> Tensor:
    """(count,) pixel centres, with -1 and 1 at the outer edges."""
    return (torch.arange(count, device=like.device, dtype=like.dtype) * 2 + 1) / count - 1


def expectation(heatmaps: Tensor) -> Tensor:
    """(n, k, h, w) heat maps of sum 1 -> (n, k, 2) mean places, x y in -1..1 (Nibali et al., 2018)."""
    h, w = heatmaps.shape[2:]
    x = heatmaps.sum(dim=2) @ centres(w, heatmaps)
    y = heatmaps.sum(dim=3) @ centres(h, heatmaps)
    return torch.stack([x, y], dim=-1)


def mapped(theta: Tensor, points: Tensor) -> Tensor:
    """Apply (n, 2, 3) affine maps to (n, k, 2) points."""
    return points @ theta[:, :, :2].transpose(1, 2) + theta[:, None, :, 2]


def unmapped(theta: Tensor, points: Tensor) -> Tensor:
    """Apply the inverses of (n, 2, 3) affine maps to (n, k, 2) points."""
    inverse: Tensor = torch.linalg.inv(theta[:, :, :2])
    return (points - theta[:, None, :, 2]) @ inverse.transpose(1, 2)
