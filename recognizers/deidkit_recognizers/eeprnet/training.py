"""Training of ROI-LAnet and EE-PRnet: first localization, then recognition, then both jointly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everyone gives it

from deidkit.errors import MissingModel
from deidkit.protocols import option
from deidkit.training import Example
from deidkit_networks.discriminant import discriminant
from deidkit_networks.evaluation import recognition
from deidkit_networks.trainable import Batch
from deidkit_networks.training import NetworkTrainer
from deidkit_recognizers import distances
from deidkit_recognizers.eeprnet.framing import frame, palm_points
from deidkit_recognizers.eeprnet.network import EEPRnet, Shape, prepared

ANGLES = (-90.0, -20.0, -5.0, 0.0, 5.0, 20.0, 90.0)
SCALES = (0.8, 0.9, 1.0, 1.1, 1.2)
SHIFTS = (-0.2, -0.15, -0.1, 0.1, 0.15, 0.2)
"""Rotations, scales and shifts of the augmentation, as published."""

LOCATED = 25 / 65
"""Share of the training for ROI-LAnet alone: 25 epochs, then 40 of EE-PRnet."""

JOINED, SETTLED = LOCATED + (1 - LOCATED) * 20 / 40, LOCATED + (1 - LOCATED) * 35 / 40
"""Shares after which both learn jointly (strategy S4), and without dropout at a tenth of the learning rate."""

VGG = (0, 2, 5, 7, 10, 12, 14)
"""Numbers of VGG-16's convolutions up to its third pooling, in torchvision's names."""


class WithClassifier(nn.Module):
    """The networks with the classifier for training."""

    def __init__(self, shape: Shape, identities: int) -> None:
        super().__init__()
        self.network = EEPRnet(shape)
        self.classifier = nn.Linear(shape.embedding, identities)


@dataclass(frozen=True)
class EEPRnetTrainer(NetworkTrainer[WithClassifier]):
    """ROI-LAnet + EE-PRnet (Matkowski et al., IEEE TIFS 2019); the defaults are the published settings.

    Published networks start from VGG-16 trained on ImageNet (`vgg`); without it they start from random numbers.
    """

    width: int = option(64, "Channels of VGG's first block", minimum=4)
    hidden: int = option(512, "Width of the localisation's first fully connected layer", minimum=16)
    embedding: int = option(512, "Length of a template", minimum=8)
    vgg: Path | None = option(None, "VGG-16's ImageNet weights, a safetensors file with torchvision's names")
    optimizer_name: Literal["published", "adam"] = option(
        "published", "Stochastic gradient with momentum 0.9 as published, or Adam, which starts faster from nothing"
    )
    learning_rate: float = option(1e-3, "At the start", minimum=1e-7, maximum=1)
    dropout: float = option(0.5, "Share of features and embedding that is dropped", minimum=0, maximum=0.9)
    joint: bool = option(
        True, "Whether both learn together in the second half of the second stage, as published (strategy S4)"
    )
    head: Literal["learned", "discriminant"] = option(
        "learned", "The embedding layer: learned as published, or solved for at the end by discriminant analysis"
    )

    version = "1"
    name = "eeprnet"
    views = 1
    batch = 128
    epochs = 65.0
    truth = True

    def keep(self, example: Example) -> dict[str, NDArray[np.generic]]:
        """The hand's square and the nine points of its palm."""
        hand, unit = frame(example.pixels, example.hand)
        return {"hand": hand, "points": palm_points(example.corners, unit)}

    def build(self, identities: int) -> WithClassifier:
        """Networks and classifier, from VGG's weights where given."""
        module = WithClassifier(Shape(self.width, self.hidden, self.embedding), identities)
        if self.vgg is not None:
            for trunk in (module.network.trunk, module.network.localization.trunk):
                _load_vgg(trunk, self.vgg)
        return module

    def optimizer(self, module: WithClassifier) -> torch.optim.Optimizer:
        """SGD with momentum 0.9 and no decay, or Adam."""
        if self.optimizer_name == "adam":
            return torch.optim.Adam(module.parameters(), self.learning_rate)
        return torch.optim.SGD(module.parameters(), self.learning_rate, momentum=0.9)

    def rate(self, progress: float) -> float:
        """Learning rate factor: 1, and a tenth at the end."""
        return 1.0 if progress < SETTLED else 0.1

    def augment(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Rotate, scale and shift hands with their points."""
        hands = prepared(batch["hand"])
        n = len(hands)

        def one_of(values: Sequence[float]) -> Tensor:
            return torch.tensor(values)[torch.randint(0, len(values), (n,), generator=generator)]

        angle, scale = torch.deg2rad(one_of(ANGLES)), one_of(SCALES)
        shift = torch.stack([one_of((0.0, *SHIFTS)), one_of((0.0, *SHIFTS))], dim=1)
        cosine, sine = angle.cos(), angle.sin()
        turn = torch.stack([torch.stack([cosine, -sine], 1), torch.stack([sine, cosine], 1)], dim=1)
        theta = torch.cat([turn / scale[:, None, None], shift[:, :, None]], dim=2)
        grid = F.affine_grid(theta, list(hands.shape), align_corners=False)
        points = torch.stack([batch["points"][:, :9], batch["points"][:, 9:]], dim=2)
        moved = torch.linalg.solve(theta[:, :, :2], (points - shift[:, None]).transpose(1, 2))
        return {"hand": F.grid_sample(hands, grid, align_corners=False), "points": moved.flatten(1)}

    def loss(self, module: WithClassifier, batch: Batch, labels: Tensor, progress: float) -> Tensor:
        """Loss of the current stage: squared distances of the points, cross-entropy of the identities, or both."""
        network = module.network
        if progress < LOCATED:
            off: Tensor = network.localization(batch["hand"]) - batch["points"]
            return off.square().sum(dim=1).mean()
        with torch.set_grad_enabled(self.joint and progress >= JOINED):
            points = network.localization(batch["hand"])
        share = self.dropout if progress < SETTLED else 0.0
        seen = F.dropout(network.features(network.flatten(batch["hand"], points)), share)
        embedded = F.dropout(network.embedding(seen).flatten(1), share)
        return F.cross_entropy(module.classifier(embedded), labels)

    def finish(self, module: WithClassifier, batches: Iterable[Batch], labels: NDArray[np.int64]) -> None:
        """Solve for the embedding layer, on every training picture as it is."""
        if self.head == "learned":
            return
        network, seen = module.network, []
        for batch in batches:
            hands = prepared(batch["hand"])
            seen.append(network.features(network.flatten(hands, network.localization(hands))).flatten(1).cpu())
        weight, bias = discriminant(torch.cat(seen), torch.from_numpy(labels), self.embedding)
        network.embedding.weight.copy_(weight.view_as(network.embedding.weight))
        assert network.embedding.bias is not None
        network.embedding.bias.copy_(bias)

    def evaluate(self, module: WithClassifier, batches: Iterable[Batch], labels: NDArray[np.int64]) -> dict[str, float]:
        """Error rates of the held-out hands, and mean error of their points, in percent of the palm's side."""
        embedded, errors = [], []
        for batch in batches:
            hands = prepared(batch["hand"])
            found = module.network.localization(hands)
            off = (found - batch["points"]).reshape(-1, 2, 9).norm(dim=1)
            true = batch["points"].reshape(-1, 2, 9)
            errors.append(off.mean(dim=1) / (true[:, :, 0] - true[:, :, 6]).norm(dim=1))
            embedded.append(module.network(hands))
        templates = F.normalize(torch.cat(embedded).float(), dim=1).cpu().numpy()
        measured = recognition(templates, labels, distances.arccos)
        return {**measured, "points_error_percent_of_side": 100.0 * float(torch.cat(errors).mean())}

    def publish(self, module: WithClassifier) -> tuple[dict[str, Tensor], dict[str, object]]:
        """The networks without the classifier."""
        return module.network.state_dict(), module.network.shape.values()


def _load_vgg(trunk: nn.Sequential, path: Path) -> None:
    """Copy VGG-16's convolutions."""
    from safetensors.torch import load_file

    try:
        tensors = load_file(path)
        layers = [layer for layer in trunk if isinstance(layer, nn.Conv2d)]
        for number, layer in zip(VGG, layers, strict=True):
            layer.load_state_dict({kind: tensors[f"features.{number}.{kind}"] for kind in ("weight", "bias")})
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise MissingModel(f"{path} does not hold VGG-16's weights in torchvision's names: {reason}") from error
