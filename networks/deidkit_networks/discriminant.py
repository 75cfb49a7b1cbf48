"""A linear head that is solved for, not searched: linear discriminant analysis on a network's features."""

from __future__ import annotations

import torch
from torch import Tensor

SHRINKAGE = 0.1
"""Share of the mean variance that is added to every direction within identities: the others are only estimated."""


def discriminant(features: Tensor, labels: Tensor, width: int, *, components: int = 400) -> tuple[Tensor, Tensor]:
    """The directions in which identities differ most, measured by how much pictures of one identity differ.

    Features are scaled to their spread and reduced to their principal components, within-identity scatter is whitened
    with shrinkage, and the leading directions of the identities' means are kept (Fisher 1936; Belhumeur et al.,
    "Eigenfaces vs. Fisherfaces", IEEE TPAMI 1997).

    Args:
        features: (n, d) float32, several of each identity.
        labels: (n,) int64, identities from 0.
        width: Directions wanted. Where the data have fewer, the remaining ones are 0.
        components: Principal components kept, at most.

    Returns:
        (width, d) weight and (width,) bias of a linear layer.
    """
    mean = features.mean(dim=0)
    spread = features.std(dim=0)
    spread = spread + 1e-3 * spread.mean()
    scaled = (features - mean) / spread
    identities, labels = torch.unique(labels, return_inverse=True)
    rank = min(components, len(features) - len(identities), features.shape[1])
    _, _, axes = torch.svd_lowrank(scaled, q=min(rank + 50, *scaled.shape), niter=2)
    axes = axes[:, :rank]
    reduced = scaled @ axes
    counts = torch.bincount(labels).to(reduced.dtype)[:, None]
    means = torch.zeros(len(identities), rank).index_add_(0, labels, reduced) / counts
    within = reduced - means[labels]
    scatter = within.T @ within / max(1, len(within) - len(identities))
    scatter += SHRINKAGE * scatter.diagonal().mean() * torch.eye(rank)
    values, vectors = torch.linalg.eigh(scatter)
    whitening = vectors / values.sqrt()
    _, directions = torch.linalg.eigh(torch.cov((means @ whitening).T))
    kept = min(width, rank)
    weight = torch.zeros(width, features.shape[1])
    weight[:kept] = (axes @ whitening @ directions.flip(1)[:, :kept] / spread[:, None]).T
    return weight, -(weight @ mean)
