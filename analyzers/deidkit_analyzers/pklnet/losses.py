"""PKLNet's losses. Coordinates are in pixels of the input, from its corner."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name everyone gives it

from deidkit_analyzers.pklnet.blocks import resized
from deidkit_analyzers.pklnet.network import BACKGROUND, EDGE, HAND, Located, centres, unmapped

GAMMA = 2.0
"""Focusing parameter of the focal loss."""
AUXILIARY = 0.5
"""Weight of the coarse segmentation within the segmentation loss."""
SEGMENTATION, VALLEYS, OUTLINE, CENTRE, SPREAD = 1.0, 0.5, 0.1, 0.1, 0.1
"""Weights of the five terms."""
SIGMA = 1.0
"""Standard deviation of the target Gaussian, in heat map pixels."""
EDGE_PIXELS = 5
"""Width of the edge class at an input of 400 pixels."""


def classes(mask: Tensor) -> Tensor:
    """(n, h, w) bool -> int64 class: background, hand, or edge: a band along the outline, 5 pixels wide at 400."""
    inside = mask[:, None].float()
    outline = inside + F.max_pool2d(F.pad(1.0 - inside, (1, 1, 1, 1)), 3, 1) - 1.0
    wide = max(1, 2 * int(EDGE_PIXELS * mask.shape[1] / 400 / 2) + 1)
    band = F.max_pool2d(outline.clamp(min=0.0), wide, 1, wide // 2)[:, 0] > 0
    kinds = torch.where(mask, HAND, BACKGROUND)
    return torch.where(band, torch.full_like(kinds, EDGE), kinds)


def focal(logits: Tensor, kinds: Tensor) -> Tensor:
    """Focal loss (Lin et al., 2017): -(1 - p)^2 log p, mean over the pixels, of (n, c, h, w) logits of any size."""
    chances = resized(logits, kinds.shape[1:]).float().log_softmax(dim=1)
    right = chances.gather(1, kinds[:, None])
    return (-((1.0 - right.exp()) ** GAMMA) * right).mean()


def squared_distance(points: Tensor, truth: Tensor) -> Tensor:
    """Mean squared distance of (n, k, 2) points."""
    return ((points - truth) ** 2).sum(dim=-1).mean()


def edge_distance(points: Tensor, outlines: Tensor) -> Tensor:
    """Edge-aware loss: mean squared distance from each point to the nearest outline point near the ground truth.

    Args:
        points: (n, k, 2).
        outlines: (n, k, m, 2).
    """
    apart = ((points[:, :, None] - outlines) ** 2).sum(dim=-1)
    return apart.min(dim=-1).values.mean()


def spread(heatmaps: Tensor, truth: Tensor) -> Tensor:
    """Jensen-Shannon divergence, in nats, between heat maps and Gaussians at the ground truth.

    Args:
        heatmaps: (n, k, h, w), each with sum 1.
        truth: (n, k, 2) x y in -1..1 of the heat map, from edge to edge.
    """
    h, w = heatmaps.shape[2:]
    x = (centres(w, heatmaps) - truth[..., :1]) * w / 2
    y = (centres(h, heatmaps) - truth[..., 1:]) * h / 2
    bell = -(y[..., :, None] ** 2 + x[..., None, :] ** 2) / (2 * SIGMA**2)
    target = bell.flatten(2).softmax(dim=-1)
    found = heatmaps.flatten(2)
    middle = (target + found) / 2
    return 0.5 * (_kullback_leibler(target, middle) + _kullback_leibler(found, middle)).mean()


def _kullback_leibler(p: Tensor, q: Tensor) -> Tensor:
    return (p * (p.clamp(min=1e-12).log() - q.clamp(min=1e-12).log())).sum(dim=-1)


def terms(located: Located, size: tuple[int, int], mask: Tensor, points: Tensor, outlines: Tensor) -> list[Tensor]:
    """Compute the five unweighted loss terms; terms on points are means over heat map and regression estimates.

    Args:
        located: Output of the network.
        size: Height and width of the input.
        mask: (n, h, w) bool.
        points: (n, 3, 2) true places in pixels.
        outlines: (n, 2, 41, 2) the outline near the two valleys.

    Returns:
        Segmentation, valleys, distance to the outline, centre, spread of the heat maps.
    """
    kinds = classes(mask)
    half = points.new_tensor([size[1], size[0]]) / 2
    aligned = unmapped(located.theta.detach(), points / half - 1)
    found = (torch.cat([located.by_heatmap, located.by_regression]) + 1) * half
    points, outlines = points.repeat(2, 1, 1), outlines.repeat(2, 1, 1, 1)
    return [
        focal(located.logits, kinds) + AUXILIARY * focal(located.auxiliary, kinds),
        squared_distance(found[:, :2], points[:, :2]),
        edge_distance(found[:, :2], outlines),
        squared_distance(found[:, 2:], points[:, 2:]),
        spread(located.heatmaps, aligned),
    ]


def combined(parts: Sequence[Tensor]) -> Tensor:
    """Weighted sum of the terms, each divided by its detached value, so that scale does not matter.

    The value is therefore constant, about 1.8; only gradients mean anything.
    """
    weights = (SEGMENTATION, VALLEYS, OUTLINE, CENTRE, SPREAD)
    shares = [weight * part / part.detach().clamp(min=1e-6) for weight, part in zip(weights, parts, strict=True)]
    return torch.stack(shares).sum()
