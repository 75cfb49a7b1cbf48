"""The Inception network of the Frechet Inception Distance (Heusel et al., arXiv 1706.08500).

It is Inception v3 (Szegedy et al., arXiv 1512.00567) as TensorFlow had it in December 2015, with the weights of then:
averages leave the border out, and the last block takes a maximum instead. Names are those of the published weight file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everyone gives it

FEATURES = 2048
SIDE = 299
"""Pixels of a side of the input."""


@dataclass(frozen=True)
class Step:
    """One convolution of a path: the end of its name, channels, kernel (height, width), stride, padded or not."""

    name: str
    channels: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    padded: bool = True


def square(name: str, channels: int, side: int) -> Step:
    """A padded square convolution."""
    return Step(name, channels, (side, side))


def halving(name: str, channels: int) -> Step:
    """A 3 x 3 convolution that halves the picture."""
    return Step(name, channels, (3, 3), 2, padded=False)


Path = Sequence[Step | tuple[Step, Step]]
"""Steps one after the other; two in one place are taken side by side."""


def first_kind(pooled: int) -> Mapping[str, Path]:
    """Block with 5 x 5 and double 3 x 3 paths."""
    return {
        "branch1x1": [Step("", 64)],
        "branch5x5": [Step("_1", 48), square("_2", 64, 5)],
        "branch3x3dbl": [Step("_1", 64), square("_2", 96, 3), square("_3", 96, 3)],
        "branch_pool": [Step("", pooled)],
    }


def second_kind(middle: int) -> Mapping[str, Path]:
    """Block with 7 x 1 and 1 x 7 paths."""
    tall, wide = (7, 1), (1, 7)
    return {
        "branch1x1": [Step("", 192)],
        "branch7x7": [Step("_1", middle), Step("_2", middle, wide), Step("_3", 192, tall)],
        "branch7x7dbl": [
            Step("_1", middle),
            Step("_2", middle, tall),
            Step("_3", middle, wide),
            Step("_4", middle, tall),
            Step("_5", 192, wide),
        ],
        "branch_pool": [Step("", 192)],
    }


def third_kind() -> Mapping[str, Path]:
    """Block whose paths end side by side."""
    tall, wide = (3, 1), (1, 3)
    return {
        "branch1x1": [Step("", 320)],
        "branch3x3": [Step("_1", 384), (Step("_2a", 384, wide), Step("_2b", 384, tall))],
        "branch3x3dbl": [
            Step("_1", 448),
            square("_2", 384, 3),
            (Step("_3a", 384, wide), Step("_3b", 384, tall)),
        ],
        "branch_pool": [Step("", 192)],
    }


HALVING_EARLY: Mapping[str, Path] = {
    "branch3x3": [halving("", 384)],
    "branch3x3dbl": [Step("_1", 64), square("_2", 96, 3), halving("_3", 96)],
    "pool": [],
}
HALVING_LATE: Mapping[str, Path] = {
    "branch3x3": [Step("_1", 192), halving("_2", 320)],
    "branch7x7x3": [Step("_1", 192), Step("_2", 192, (1, 7)), Step("_3", 192, (7, 1)), halving("_4", 192)],
    "pool": [],
}


class Unit(nn.Module):
    """Convolution, batch normalisation, rectification."""

    def __init__(self, given: int, step: Step) -> None:
        super().__init__()
        padding = (step.kernel[0] // 2, step.kernel[1] // 2) if step.padded else (0, 0)
        self.conv = nn.Conv2d(given, step.channels, step.kernel, step.stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(step.channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        """(n, given, h, w) -> (n, channels, h', w')."""
        return F.relu(self.bn(self.conv(x)), inplace=True)


class Block(nn.Module):
    """Paths side by side."""

    def __init__(self, given: int, paths: Mapping[str, Path], *, maximum: bool = False) -> None:
        super().__init__()
        self.paths, self.maximum = paths, maximum
        self.channels = 0
        for branch, path in paths.items():
            before = given
            for place in path:
                both = place if isinstance(place, tuple) else (place,)
                for step in both:
                    self.add_module(branch + step.name, Unit(before, step))
                before = sum(step.channels for step in both)
            self.channels += before

    def forward(self, x: Tensor) -> Tensor:
        """(n, given, h, w) -> (n, `channels`, h', w')."""
        return torch.cat([self._along(branch, path, x) for branch, path in self.paths.items()], dim=1)

    def _along(self, branch: str, path: Path, x: Tensor) -> Tensor:
        if branch == "pool":
            return F.max_pool2d(x, 3, 2)
        if branch == "branch_pool" and self.maximum:
            x = F.max_pool2d(x, 3, 1, 1)
        elif branch == "branch_pool":
            x = F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        for place in path:
            both = place if isinstance(place, tuple) else (place,)
            x = torch.cat([self.get_submodule(branch + step.name)(x) for step in both], dim=1)
        return x


class Inception(nn.Module):
    """Everything before the classes."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Unit(3, halving("", 32))
        self.Conv2d_2a_3x3 = Unit(32, Step("", 32, (3, 3), padded=False))
        self.Conv2d_2b_3x3 = Unit(32, square("", 64, 3))
        self.Conv2d_3b_1x1 = Unit(64, Step("", 80))
        self.Conv2d_4a_3x3 = Unit(80, Step("", 192, (3, 3), padded=False))
        before = 192
        for name, paths in (
            ("5b", first_kind(32)),
            ("5c", first_kind(64)),
            ("5d", first_kind(64)),
            ("6a", HALVING_EARLY),
            ("6b", second_kind(128)),
            ("6c", second_kind(160)),
            ("6d", second_kind(160)),
            ("6e", second_kind(192)),
            ("7a", HALVING_LATE),
            ("7b", third_kind()),
            ("7c", third_kind()),
        ):
            block = Block(before, paths, maximum=name == "7c")
            self.add_module(f"Mixed_{name}", block)
            before = block.channels

    def forward(self, pictures: Tensor) -> Tensor:
        """Features.

        Args:
            pictures: (n, 3, h, w) in 0..1.

        Returns:
            (n, 2048).
        """
        x = F.interpolate(pictures, (SIDE, SIDE), mode="bilinear", align_corners=False) * 2.0 - 1.0
        for name, part in self.named_children():
            x = part(x)
            if name in ("Conv2d_2b_3x3", "Conv2d_4a_3x3"):
                x = F.max_pool2d(x, 3, 2)
        return x.mean(dim=(2, 3))
