"""Parts of a slimmed HRFormer: window attention, branches of several resolutions, and their exchange.

Yuan et al., "HRFormer: High-Resolution Transformer for Dense Prediction", NeurIPS 2021.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everyone gives it

WINDOW = 7
"""Side of an attention window."""
MLP_RATIO = 4
"""Width of the hidden layer of a block's perceptron, relative to its input."""


def convolution(
    inward: int, outward: int, kernel: int = 3, stride: int = 1, groups: int = 1, activation: nn.Module | None = None
) -> nn.Sequential:
    """Convolution with batch normalisation and an optional activation."""
    layers: list[nn.Module] = [
        nn.Conv2d(inward, outward, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outward),
    ]
    return nn.Sequential(*layers, *([activation] if activation is not None else []))


class Bottleneck(nn.Module):
    """Bottleneck residual block of the first stage: 1x1, 3x3 and 1x1 convolutions, with 4 `width` output channels."""

    def __init__(self, inward: int, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            convolution(inward, width, 1, activation=nn.ReLU()),
            convolution(width, width, 3, activation=nn.ReLU()),
            convolution(width, 4 * width, 1),
        )
        self.shortcut = convolution(inward, 4 * width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, inward, h, w) -> (n, 4 width, h, w)."""
        return F.relu(self.body(x) + self.shortcut(x))


class DropPath(nn.Module):
    """Stochastic depth: drops a residual branch for a random share of the pictures during training."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        if not self.training or self.share == 0.0:
            return x
        kept = torch.rand(len(x), *[1] * (x.dim() - 1), device=x.device) >= self.share
        return x * kept / (1.0 - self.share)


class WindowAttention(nn.Module):
    """Self-attention within windows of 7 x 7 places, with a learned bias for each relative position.

    The map is padded with zeros to whole windows, half on each side.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        self.bias = nn.Parameter(0.02 * torch.randn(heads, (2 * WINDOW - 1) ** 2))
        at = torch.arange(WINDOW)
        place = torch.stack(torch.meshgrid(at, at, indexing="ij"), dim=-1).reshape(-1, 2)
        apart = place[:, None] - place[None] + WINDOW - 1
        self.register_buffer("relative", apart[..., 0] * (2 * WINDOW - 1) + apart[..., 1], persistent=False)
        self.relative: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """(n, h, w, c) -> (n, h, w, c)."""
        n, h, w, c = x.shape
        bottom, right = -h % WINDOW, -w % WINDOW
        top, left = bottom // 2, right // 2
        x = F.pad(x, (0, 0, left, right - left, top, bottom - top))
        rows, columns = x.shape[1] // WINDOW, x.shape[2] // WINDOW
        windows = x.reshape(n, rows, WINDOW, columns, WINDOW, c).transpose(2, 3).reshape(-1, WINDOW**2, c)
        qkv = self.qkv(windows).reshape(len(windows), WINDOW**2, 3, self.heads, c // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(q, k, v, self.bias[:, self.relative].to(q.dtype))
        mixed = self.out(attended.transpose(1, 2).reshape(len(windows), WINDOW**2, c))
        mixed = mixed.reshape(n, rows, columns, WINDOW, WINDOW, c).transpose(2, 3)
        whole: Tensor = mixed.reshape(n, rows * WINDOW, columns * WINDOW, c)
        return whole[:, top : top + h, left : left + w]


class Block(nn.Module):
    """Window attention, then a perceptron with a depth-wise 3x3 convolution that connects the windows."""

    def __init__(self, channels: int, heads: int, drop_path: float) -> None:
        super().__init__()
        hidden = MLP_RATIO * channels
        self.before_attention, self.before_perceptron = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.attention = WindowAttention(channels, heads)
        self.perceptron = nn.Sequential(
            convolution(channels, hidden, 1, activation=nn.GELU()),
            convolution(hidden, hidden, 3, groups=hidden, activation=nn.GELU()),
            convolution(hidden, channels, 1),
        )
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) -> (n, c, h, w)."""
        attended = self.attention(self.before_attention(x.permute(0, 2, 3, 1)))
        x = x + self.drop_path(attended.permute(0, 3, 1, 2))
        normed = self.before_perceptron(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        mixed: Tensor = x + self.drop_path(self.perceptron(normed))
        return mixed


class Exchange(nn.Module):
    """One module of a stage: a block in each branch, then each branch gets the sum of all at its resolution."""

    def __init__(self, channels: Sequence[int], heads: Sequence[int], drop_path: float) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            Block(width, count, drop_path) for width, count in zip(channels, heads, strict=True)
        )
        self.paths = nn.ModuleList(
            nn.ModuleList(_path(channels, source, target) for source in range(len(channels)))
            for target in range(len(channels))
        )

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Feature maps at 1, 1/2, 1/4 ... of the resolution, as input and output."""
        maps = [branch(x) for branch, x in zip(self.branches, maps, strict=True)]
        mixed = []
        for target, paths in enumerate(self.paths):
            assert isinstance(paths, nn.ModuleList)
            size = maps[target].shape[2:]
            total = maps[target]
            for source, path in enumerate(paths):
                if source != target:
                    total = total + resized(path(maps[source]), size)
            mixed.append(F.relu(total))
        return mixed


def _path(channels: Sequence[int], source: int, target: int) -> nn.Module:
    if source == target:
        return nn.Identity()
    if source > target:
        return convolution(channels[source], channels[target], 1)
    steps: list[nn.Module] = []
    for step in range(source, target):
        last = step == target - 1
        inward, outward = channels[source], channels[target] if last else channels[source]
        steps.append(convolution(inward, inward, 3, stride=2, groups=inward))
        steps.append(convolution(inward, outward, 1, activation=None if last else nn.ReLU()))
    return nn.Sequential(*steps)


def resized(x: Tensor, size: Sequence[int]) -> Tensor:
    """Resize bilinearly, if the size differs."""
    if x.shape[2:] == torch.Size(size):
        return x
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=False)
