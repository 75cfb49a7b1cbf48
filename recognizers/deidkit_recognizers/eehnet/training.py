"""Training of the EEHNet-style network."""

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
from deidkit_recognizers.eehnet.alignment import WIDTH, align
from deidkit_recognizers.eehnet.network import HandNetwork, HandShape

JITTER = 0.02
"""Standard deviation of keypoints while training, in widths of the aligned picture."""


class HandWithClassifier(nn.Module):
    """The network with the classifier for training."""

    def __init__(self, shape: HandShape, identities: int) -> None:
        super().__init__()
        self.network = HandNetwork(shape)
        self.classifier = ArcMargin(shape.embedding, identities, margin=0.3)


@dataclass(frozen=True)
class HandTrainer(NetworkTrainer[HandWithClassifier]):
    """EEHNet-style: half cross-entropy with an angular margin, half supervised contrastive loss, end to end."""

    width: int = option(16, "Channels of the first layers", minimum=4)
    embedding: int = option(192, "Length of a template", minimum=8)
    learning_rate: float = option(1e-3, "Of Adam, at the start", minimum=1e-7, maximum=1)
    head: Literal["learned", "discriminant"] = option(
        "learned", "The last layer: learned, or solved for at the end by discriminant analysis"
    )

    version = "1"
    name = "eehnet"
    views = 2
    batch = 64
    epochs = 100.0
    truth = False

    def keep(self, example: Example) -> dict[str, NDArray[np.generic]]:
        """The aligned hand with its keypoints."""
        hand, keypoints = align(example.pixels, example.hand)
        return {"hand": hand, "keypoints": keypoints}

    def build(self, identities: int) -> HandWithClassifier:
        """Network and classifier."""
        return HandWithClassifier(HandShape(self.width, self.embedding), identities)

    def optimizer(self, module: HandWithClassifier) -> torch.optim.Optimizer:
        """Adam."""
        return torch.optim.Adam(module.parameters(), self.learning_rate)

    def rate(self, progress: float) -> float:
        """Learning rate factor: cosine decay to 0."""
        return 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress))) + 1e-3

    def augment(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Vary focus, noise and brightness; jitter keypoints like a detector's errors."""
        hands = batch["hand"][:, None].float()
        n = len(hands)

        def uniform(low: float, high: float) -> Tensor:
            return low + (high - low) * torch.rand(n, 1, 1, 1, generator=generator)

        blurred = F.avg_pool2d(hands, 3, 1, 1)
        hands = hands + uniform(-0.5, 1.0) * (blurred - hands)
        bent = 255.0 * (hands.clamp(min=0.0) / 255.0) ** torch.exp(uniform(-0.3, 0.3))
        noisy = bent + torch.randn(hands.shape, generator=generator) * uniform(0.0, 4.0)
        moved = batch["keypoints"] + JITTER * WIDTH * torch.randn(batch["keypoints"].shape, generator=generator)
        return {"hand": noisy.clamp(0.0, 255.0), "keypoints": moved}

    def loss(self, module: HandWithClassifier, batch: Batch, labels: Tensor, progress: float) -> Tensor:
        """Half classification, half contrast of both views."""
        embedded = module.network(batch["hand"], batch["keypoints"])
        classified = F.cross_entropy(module.classifier(embedded, labels), labels)
        return 0.5 * classified + 0.5 * supervised_contrastive(F.normalize(embedded), labels)

    def finish(self, module: HandWithClassifier, batches: Iterable[Batch], labels: NDArray[np.int64]) -> None:
        """Solve for the last layer, on every training picture as it is and varied once."""
        if self.head == "learned":
            return
        network, generator = module.network, torch.Generator().manual_seed(0)
        plain, varied = [], []
        for batch in batches:
            device = batch["hand"].device
            plain.append(network.features(batch["hand"][:, None].float(), batch["keypoints"]).cpu())
            changed = self.augment({name: value.cpu() for name, value in batch.items()}, generator)
            varied.append(network.features(changed["hand"].to(device), changed["keypoints"].to(device)).cpu())
        weight, bias = discriminant(
            torch.cat(plain + varied), torch.from_numpy(np.concatenate([labels, labels])), self.embedding
        )
        network.embedding.weight.copy_(weight)
        network.embedding.bias.copy_(bias)

    def evaluate(
        self, module: HandWithClassifier, batches: Iterable[Batch], labels: NDArray[np.int64]
    ) -> dict[str, float]:
        """Error rates of the held-out hands."""
        embedded = [module.network(batch["hand"][:, None].float(), batch["keypoints"]) for batch in batches]
        templates = F.normalize(torch.cat(embedded).float(), dim=1).cpu().numpy()
        return recognition(templates, labels, distances.cosine)

    def publish(self, module: HandWithClassifier) -> tuple[dict[str, Tensor], dict[str, object]]:
        """The network without its classifier."""
        return module.network.state_dict(), module.network.shape.values()
