"""Losses for training a network to distinguish identities."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everyone gives it


class ArcMargin(nn.Module):
    """Additive angular margin classifier (Deng et al., CVPR 2019) with the published scale 30 and margin 0.5."""

    def __init__(self, embedding: int, classes: int, scale: float = 30.0, margin: float = 0.5) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(classes, embedding))
        nn.init.xavier_uniform_(self.weight)
        self.scale, self.margin = scale, margin

    def forward(self, embedded: Tensor, labels: Tensor) -> Tensor:
        """(n, embedding) and (n,) labels -> (n, classes) logits with the margin on the true class."""
        cosine = F.linear(F.normalize(embedded), F.normalize(self.weight))
        sine = (1.0 - cosine.square()).clamp(min=0.0).sqrt()
        shifted = cosine * math.cos(self.margin) - sine * math.sin(self.margin)
        # past pi - margin the cosine would turn back up: continue along a straight line instead
        beyond = cosine <= math.cos(math.pi - self.margin)
        shifted = torch.where(beyond, cosine - math.sin(math.pi - self.margin) * self.margin, shifted)
        own = F.one_hot(labels, cosine.shape[1]).to(torch.bool)
        return self.scale * torch.where(own, shifted, cosine)


def supervised_contrastive(features: Tensor, labels: Tensor, temperature: float = 0.07) -> Tensor:
    """Supervised contrastive loss over all anchors (Khosla et al., NeurIPS 2020), of (n, d) features of length 1."""
    similarity = features @ features.T / temperature
    itself = torch.eye(len(features), dtype=torch.bool, device=features.device)
    similarity = similarity.masked_fill(itself, float("-inf"))
    log_probability = similarity - similarity.logsumexp(dim=1, keepdim=True)
    positive = (labels[:, None] == labels[None, :]) & ~itself
    summed = log_probability.masked_fill(~positive, 0.0).sum(dim=1)
    return -(summed / positive.sum(dim=1).clamp(min=1)).mean()
