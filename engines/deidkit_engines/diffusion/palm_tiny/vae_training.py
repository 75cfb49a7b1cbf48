"""How the autoencoder of palm-tiny is trained."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name everyone gives it

from deidkit.protocols import option
from deidkit.training import Example
from deidkit_engines.diffusion.palm_tiny.networks import SIZE, make_vae
from deidkit_engines.diffusion.palm_tiny.variation import VARIANTS, variants
from deidkit_networks.trainable import Batch
from deidkit_networks.training import NetworkTrainer

CROP = 64
"""Side of the parts that are learned from: the network is the same at every place."""


@dataclass(frozen=True)
class VaeTrainer(NetworkTrainer[Any]):
    """The autoencoder of palm-tiny: absolute differences of pixels, of their gradients and of a coarser picture."""

    learning_rate: float = option(1e-3, "Of Adam, at the start", minimum=1e-6, maximum=1)

    version = "2"
    name = "palm-tiny-vae"
    views = 1
    batch = 8
    epochs = 10.0
    truth = True
    average = 0.999

    def keep(self, example: Example) -> dict[str, NDArray[np.generic]]:
        """Variants of the hand's crop, (VARIANTS, SIZE, SIZE, 3) uint8."""
        return {"picture": np.stack([variant.picture for variant in variants(example)])}

    def build(self, identities: int) -> Any:
        """The autoencoder."""
        return make_vae()

    def optimizer(self, module: Any) -> torch.optim.Optimizer:
        """Adam."""
        return torch.optim.Adam(module.parameters(), self.learning_rate, betas=(0.9, 0.99))

    def rate(self, progress: float) -> float:
        """A cosine to 0."""
        return 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress))) + 0.01

    def augment(self, batch: Batch, generator: torch.Generator) -> Batch:
        """A part of each picture, mirrored or not: (n, 3, 64, 64) in -1..1."""
        parts = []
        for picture in batch["picture"]:
            variant, y, x = (
                int(torch.randint(0, bound, (), generator=generator))
                for bound in (VARIANTS, SIZE - CROP + 1, SIZE - CROP + 1)
            )
            part = picture[variant, y : y + CROP, x : x + CROP]
            parts.append(part.flip(1) if torch.rand((), generator=generator) < 0.5 else part)
        return {"picture": _network_input(torch.stack(parts))}

    def loss(self, module: Any, batch: Batch, labels: Tensor, progress: float) -> Tensor:
        """Reconstruction, and a little of the divergence from a normal distribution, weighed as Stable Diffusion's."""
        inputs = batch["picture"]
        latent: Any = module.encode(inputs).latent_dist
        made = module.decode(latent.sample()).sample.float()
        coarse = (F.avg_pool2d(inputs, 4) - F.avg_pool2d(made, 4)).abs().mean()
        edges = sum((made.diff(dim=axis) - inputs.diff(dim=axis)).abs().mean() for axis in (2, 3))
        divergence = latent.kl().mean() / inputs[0].numel()
        total: Tensor = (made - inputs).abs().mean() + edges + coarse + 1e-6 * divergence
        return total

    def finish(self, module: Any, batches: Iterable[Batch], labels: NDArray[np.int64]) -> None:
        """Note the scale at which latents have variance 1, as the U-Net wants them."""
        squares, count = 0.0, 0
        for batch in batches:
            inputs = _network_input(batch["picture"][:, 0])
            latents = module.encode(inputs).latent_dist.mode()
            squares, count = squares + float(latents.square().sum()), count + latents.numel()
        module.register_to_config(scaling_factor=(squares / count) ** -0.5)

    def evaluate(self, module: Any, batches: Iterable[Batch], labels: NDArray[np.int64]) -> dict[str, float]:
        """Mean absolute error of held-out pictures in grey levels, 0..255."""
        errors = []
        for batch in batches:
            inputs = _network_input(batch["picture"][:, 0])
            made = module.decode(module.encode(inputs).latent_dist.mode()).sample
            errors.extend(((made.clamp(-1, 1) - inputs).abs().mean(dim=(1, 2, 3)) * 127.5).tolist())
        return {"mean_absolute_error": float(np.mean(errors))}

    def publish(self, module: Any) -> tuple[dict[str, Tensor], dict[str, object]]:
        """Its tensors."""
        return dict(module.state_dict()), {}

    def export(self, module: Any, folder: Path, trained_on: str) -> list[Path]:
        """The autoencoder as diffusers keeps it."""
        module.save_pretrained(folder / "vae")
        return [folder / "vae"]


def _network_input(pictures: Tensor) -> Tensor:
    """(n, h, w, 3) uint8 -> (n, 3, h, w) in -1..1."""
    return pictures.permute(0, 3, 1, 2).float() / 127.5 - 1.0
