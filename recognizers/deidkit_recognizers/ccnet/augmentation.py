"""Augmentation of training pictures, a whole batch at a time."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name everyone gives it

CONTRAST, SMALLEST_CROP, DISTORTION, DEGREES = 0.05, 0.8, 0.15, 10.0
"""Values of the authors' program."""


def published(rois: Tensor, generator: torch.Generator) -> Tensor:
    """Vary each picture in one of four ways: contrast, crop, perspective, or rotation about the middle of an edge.

    Args:
        rois: (n, 1, 128, 128) float in 0..255, on the CPU.
        generator: The only source of randomness.

    Returns:
        A new tensor like `rois`; pixels outside of the picture are 0.
    """
    n = len(rois)
    way = torch.randint(0, 4, (n,), generator=generator)
    maps = torch.eye(3).repeat(n, 1, 1)
    for number in range(n):
        if way[number] == 1:
            maps[number] = _crop(generator)
        elif way[number] == 2:
            maps[number] = _perspective(generator)
        elif way[number] == 3:
            maps[number] = _rotation(generator)
    factor = torch.where(way == 0, 1.0 + CONTRAST * (2.0 * torch.rand(n, generator=generator) - 1.0), torch.ones(n))
    return warp(rois, maps) * factor[:, None, None, None]


def light(rois: Tensor, generator: torch.Generator) -> Tensor:
    """Vary focus, light and noise of (n, 1, 128, 128) in 0..255, on the CPU, as between cameras and rooms."""
    n = len(rois)

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, 1, 1, 1, generator=generator)

    blurred = F.avg_pool2d(F.pad(rois, (1, 1, 1, 1), mode="reflect"), 3, 1)
    softened = rois + uniform(-0.6, 1.0) * (blurred - rois)  # below 0: sharpened
    axis = torch.linspace(-1.0, 1.0, rois.shape[-1])
    shade = 1.0 + uniform(-0.25, 0.25) * axis[None, None, :, None] + uniform(-0.25, 0.25) * axis[None, None, None, :]
    bent = 255.0 * (softened.clamp(min=0.0) / 255.0) ** torch.exp(uniform(-0.35, 0.35))
    noise = torch.randn(rois.shape, generator=generator) * uniform(0.0, 5.0)
    return torch.where(rois > 0, (bent * shade + noise).clamp(1.0, 255.0), rois)


def warp(pictures: Tensor, maps: Tensor) -> Tensor:
    """Sample pictures through projective maps.

    Args:
        pictures: (n, c, h, w) float.
        maps: (n, 3, 3), from positions in the result to positions in the source, both in -1..1 from edge to edge.
    """
    n, _, height, width = pictures.shape
    ys = (torch.arange(height, dtype=torch.float32) + 0.5) * 2.0 / height - 1.0
    xs = (torch.arange(width, dtype=torch.float32) + 0.5) * 2.0 / width - 1.0
    grid_y, grid_x = torch.meshgrid(ys, xs, indexing="ij")
    places = torch.stack([grid_x, grid_y, torch.ones_like(grid_x)], dim=-1).reshape(1, -1, 3)
    mapped = places @ maps.transpose(1, 2)
    grid = (mapped[..., :2] / mapped[..., 2:]).reshape(n, height, width, 2)
    return F.grid_sample(pictures, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _random(low: float, high: float, generator: torch.Generator) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator))


def _crop(generator: torch.Generator) -> Tensor:
    side = math.sqrt(_random(SMALLEST_CROP, 1.0, generator))
    room = 1.0 - side
    return torch.tensor([
        [side, 0.0, _random(-room, room, generator)], [0.0, side, _random(-room, room, generator)], [0.0, 0.0, 1.0]
    ])  # fmt: skip


def _rotation(generator: torch.Generator) -> Tensor:
    angle = math.radians(_random(-DEGREES, DEGREES, generator))
    about = (0.0, -1.0) if torch.rand((), generator=generator) < 0.5 else (-1.0, 0.0)
    cosine, sine = math.cos(angle), math.sin(angle)
    return torch.tensor([
        [cosine, -sine, about[0] - cosine * about[0] + sine * about[1]],
        [sine, cosine, about[1] - sine * about[0] - cosine * about[1]],
        [0.0, 0.0, 1.0],
    ])  # fmt: skip


def _perspective(generator: torch.Generator) -> Tensor:
    """Each corner of the source moves inwards by at most `DISTORTION` of half the side."""
    corners = torch.tensor([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    moved = corners * (1.0 - DISTORTION * torch.rand(4, 2, generator=generator))
    rows = []
    for (x, y), (u, v) in zip(moved.tolist(), corners.tolist(), strict=True):
        rows.append([x, y, 1.0, 0.0, 0.0, 0.0, -u * x, -u * y])
        rows.append([0.0, 0.0, 0.0, x, y, 1.0, -v * x, -v * y])
    solved = torch.linalg.solve(torch.tensor(rows), corners.reshape(-1))
    return torch.cat([solved, torch.ones(1)]).reshape(3, 3)
