"""Training of CCNet."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everyone gives it

from deidkit.protocols import option
from deidkit.training import Example
from deidkit_networks.discriminant import discriminant
from deidkit_networks.evaluation import recognition
from deidkit_networks.losses import ArcMargin, supervised_contrastive
from deidkit_networks.trainable import Batch
from deidkit_networks.training import NetworkTrainer
from deidkit_recognizers import distances
from deidkit_recognizers.ccnet.augmentation import light, published
from deidkit_recognizers.ccnet.network import CCNet, CCNetShape, LearnableGabor, normalize

CLASSIFICATION_WEIGHT = 0.8
"""Share of the classification loss; the rest is contrastive."""


class CCNetWithClassifier(nn.Module):
    """The network with the classifier for training."""

    def __init__(self, shape: CCNetShape, identities: int) -> None:
        super().__init__()
        self.network = CCNet(shape)
        self.classifier = ArcMargin(shape.embedding, identities)


@dataclass(frozen=True)
class CCNetTrainer(NetworkTrainer[CCNetWithClassifier]):
    """CCNet (Yang et al., IEEE TIFS 2023); every default is the published setting.

    Two pictures of each identity of a batch, 0.8 cross-entropy of the angular-margin classifier on the first and 0.2
    supervised contrastive loss on both; Adam; the learning rate times 0.8 after every sixth of the training.
    """

    hidden: int = option(4096, "Width of the first fully connected layer", minimum=8)
    embedding: int = option(2048, "Width of the second: the length of a template", minimum=8)
    learning_rate: float = option(1e-3, "Of Adam, at the start", minimum=1e-7, maximum=1)
    schedule: Literal["published", "cosine"] = option("published", "How the learning rate falls")
    variation: Literal["published", "light"] = option(
        "published", "How pictures are varied: as published, or with changes of light, focus and noise, too"
    )
    dropout: float = option(0.5, "Share of the embedding that the classifier does not see", minimum=0, maximum=0.9)
    head: Literal["learned", "discriminant"] = option(
        "learned",
        "The two fully connected layers: learned as published, or solved for at the end by discriminant analysis",
    )
    filters: float = option(
        1.0, "Share of the training in which the Gabor filters are learned, too; then they stay", minimum=0, maximum=1
    )

    version = "1"
    name = "ccnet"
    views = 2
    batch = 2048
    epochs = 3000.0
    truth = False

    def keep(self, example: Example) -> dict[str, NDArray[np.generic]]:
        """The palm's region, as an audit cuts it: (128, 128) uint8."""
        return {"roi": example.roi()}

    def build(self, identities: int) -> CCNetWithClassifier:
        """Network and classifier."""
        return CCNetWithClassifier(CCNetShape(hidden=self.hidden, embedding=self.embedding), identities)

    def optimizer(self, module: CCNetWithClassifier) -> torch.optim.Optimizer:
        """Adam, as published."""
        return torch.optim.Adam(module.parameters(), self.learning_rate)

    def rate(self, progress: float) -> float:
        """Learning rate factor, as published: StepLR(500 of 3000 epochs, 0.8)."""
        if self.schedule == "cosine":
            return 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress))) + 1e-3
        return float(0.8 ** math.floor(6.0 * min(progress, 0.999)))

    def augment(self, batch: Batch, generator: torch.Generator) -> Batch:
        """(n, 128, 128) uint8 -> (n, 1, 128, 128) float, varied and normalised."""
        rois = batch["roi"][:, None].float()
        if self.variation == "light":
            rois = light(rois, generator)
        return {"roi": normalize(published(rois, generator))}

    def loss(self, module: CCNetWithClassifier, batch: Batch, labels: Tensor, progress: float) -> Tensor:
        """0.8 x cross-entropy of the first view + 0.2 x supervised contrastive loss of both."""
        for part in module.network.modules():
            if isinstance(part, LearnableGabor):
                part.requires_grad_(progress < self.filters)
        embedded, features = module.network(batch["roi"])
        half = len(labels) // 2
        logits = module.classifier(F.dropout(embedded[:half], self.dropout), labels[:half])
        classified = F.cross_entropy(logits, labels[:half])
        contrasted = supervised_contrastive(features, labels)
        return CLASSIFICATION_WEIGHT * classified + (1.0 - CLASSIFICATION_WEIGHT) * contrasted

    def finish(self, module: CCNetWithClassifier, batches: Iterable[Batch], labels: NDArray[np.int64]) -> None:
        """Solve for the head, on every training picture as it is and varied once."""
        if self.head == "learned":
            return
        network, generator = module.network, torch.Generator().manual_seed(0)
        plain, varied = [], []
        for batch in batches:
            device = batch["roi"].device
            plain.append(network.features(normalize(batch["roi"][:, None].float())).cpu())
            changed = self.augment({"roi": batch["roi"].cpu()}, generator)["roi"].to(device)
            varied.append(network.features(changed).cpu())
        weight, bias = discriminant(
            torch.cat(plain + varied), torch.from_numpy(np.concatenate([labels, labels])), self.hidden
        )
        network.hidden.weight.copy_(weight)
        network.hidden.bias.copy_(bias)
        network.embedding.weight.copy_(torch.eye(self.embedding, self.hidden))
        network.embedding.bias.zero_()

    def evaluate(
        self, module: CCNetWithClassifier, batches: Iterable[Batch], labels: NDArray[np.int64]
    ) -> dict[str, float]:
        """Error rates of the held-out regions."""
        embedded = [module.network(normalize(batch["roi"][:, None].float()))[0] for batch in batches]
        templates = F.normalize(torch.cat(embedded).float(), dim=1).cpu().numpy()
        return recognition(templates, labels, distances.arccos)

    def publish(self, module: CCNetWithClassifier) -> tuple[dict[str, Tensor], dict[str, object]]:
        """The network without its classifier."""
        return module.network.state_dict(), module.network.shape.values()
