"""How palm-tiny is trained: like Paint by Example, on the pictures themselves."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deidkit.errors import MissingModel
from deidkit.protocols import option
from deidkit.training import Example
from deidkit_engines.diffusion.palm_tiny import networks
from deidkit_engines.diffusion.palm_tiny.variation import SQUARES, VARIANTS, variants
from deidkit_engines.diffusion.sampling import latent_mask
from deidkit_networks.trainable import Batch
from deidkit_networks.training import NetworkTrainer

UNCONDITIONAL = 0.2
"""Share of pictures for which the examples are replaced by the learned unconditional vector."""

KEPT_WEIGHT = 0.2
"""Weight of the loss where the picture is kept; 1 where it is repainted."""

SHOWN = 2
"""Example squares that are shown, fused; half of the time one alone."""

BLIND = 960
"""Moments from which on there is noise alone, half of the time: so a sampler starts, while a little of the picture is
left in the noise that the network otherwise learns from."""


class Painter(nn.Module):
    """U-Net and image encoder, which learn together."""

    def __init__(self) -> None:
        super().__init__()
        self.unet = networks.make_unet()
        self.image_encoder = networks.make_image_encoder()


@dataclass(frozen=True)
class PalmTinyTrainer(NetworkTrainer[Painter]):
    """palm-tiny: the palm is masked and painted again from one vector that says what a part of the palm looks like."""

    vae: Path = option(help="Folder of the autoencoder, made by deidkit train palm-tiny-vae")
    learning_rate: float = option(7e-4, "Of AdamW, at the start", minimum=1e-6, maximum=1)

    version = "3"
    name = "palm-tiny"
    views = 1
    batch = 16
    epochs = 20.0
    truth = True
    average = 0.9995
    kept_by = ("vae",)

    @cached_property
    def _vae(self) -> Any:
        from diffusers import AutoencoderKL

        try:
            network = AutoencoderKL.from_pretrained(self.vae, local_files_only=True)
        except Exception as error:
            raise MissingModel(
                f"there is no autoencoder in {self.vae}; make one by: deidkit train palm-tiny-vae"
            ) from error
        return network.eval().requires_grad_(False)

    @cached_property
    def _scale(self) -> float:
        return float(self._vae.config.scaling_factor)

    @cached_property
    def _shares(self) -> Tensor:
        """(1000,): share of the picture in the noisy latent's variance at each moment."""
        shares: Tensor = networks.make_schedule().alphas_cumprod
        return shares

    def keep(self, example: Example) -> dict[str, NDArray[np.generic]]:
        """Of each variant: latents with and without the palm, where it is, and parts of it."""
        made = variants(example)
        pictures = torch.from_numpy(np.stack([one.picture for one in made])).permute(0, 3, 1, 2).float() / 127.5 - 1.0
        keep = torch.from_numpy(np.stack([~one.palm for one in made]))[:, None]
        with torch.no_grad():
            both = self._vae.encode(torch.cat([pictures, pictures * keep])).latent_dist.mode()
        original, background = (both * self._scale).to(torch.float16).numpy().reshape(2, len(made), *both.shape[1:])
        return {
            "original": original,
            "background": background,
            "keep": latent_mask(keep, both.shape[-1])[:, 0].to(torch.float16).numpy(),
            "squares": np.stack([one.squares for one in made]),
        }

    def build(self, identities: int) -> Painter:
        """U-Net and image encoder."""
        return Painter()

    def optimizer(self, module: Painter) -> torch.optim.Optimizer:
        """AdamW."""
        return torch.optim.AdamW(module.parameters(), self.learning_rate, betas=(0.9, 0.99), weight_decay=1e-4)

    def rate(self, progress: float) -> float:
        """Up within a fiftieth of the training, then a cosine to 0."""
        return min(1.0, 0.02 + 50.0 * progress) * (0.5 * (1.0 + math.cos(math.pi * min(1.0, progress))) + 0.02)

    def augment(self, batch: Batch, generator: torch.Generator) -> Batch:
        """A variant of each picture, some of its squares, and noise of some moment."""
        n = len(batch["original"])
        every = torch.arange(n)
        variant = torch.randint(0, VARIANTS, (n,), generator=generator)
        shown = torch.rand(n, SQUARES, generator=generator).argsort(dim=1)[:, :SHOWN]
        moment = torch.randint(0, 1000, (n,), generator=generator)
        return {
            "original": batch["original"][every, variant].float(),
            "background": batch["background"][every, variant].float(),
            "keep": batch["keep"][every, variant][:, None].float(),
            "squares": _normalized(batch["squares"][every[:, None], variant[:, None], shown]),
            "alone": torch.rand(n, generator=generator) < 0.5,
            "noise": torch.randn(n, *batch["original"].shape[2:], generator=generator),
            "moment": moment,
            "blind": (moment >= BLIND) & (torch.rand(n, generator=generator) < 0.5),
            "free": torch.rand(n, generator=generator) < UNCONDITIONAL,
        }

    def loss(self, module: Painter, batch: Batch, labels: Tensor, progress: float) -> Tensor:
        """Squared error of the velocity, mostly where the palm is repainted."""
        embedded, free = module.image_encoder(batch["squares"].flatten(0, 1), return_uncond_vector=True)
        embedded = embedded.unflatten(0, (-1, SHOWN))
        condition = torch.where(_column(batch["alone"]), embedded[:, 0], embedded.mean(dim=1))
        condition = torch.where(_column(batch["free"]), free.expand_as(condition), condition)
        share = _column(self._shares.to(batch["moment"].device)[batch["moment"]])[..., None]
        signal, noise = share.sqrt(), (1.0 - share).sqrt()
        noisy = signal * batch["original"] + noise * batch["noise"]
        noisy = torch.where(_column(batch["blind"])[..., None], batch["noise"], noisy)
        velocity = signal * batch["noise"] - noise * batch["original"]
        predicted: Tensor = module.unet(
            torch.cat([noisy, batch["background"], batch["keep"]], dim=1), batch["moment"], condition
        ).sample
        weight = 1.0 - (1.0 - KEPT_WEIGHT) * batch["keep"]
        squares: Tensor = (predicted.float() - velocity).square() * weight
        return squares.sum() / (weight.sum() * predicted.shape[1])

    def evaluate(self, module: Painter, batches: Iterable[Batch], labels: NDArray[np.int64]) -> dict[str, float]:
        """The loss on held-out pictures, with noise that is always the same."""
        generator = torch.Generator().manual_seed(0)
        losses = []
        for batch in batches:
            device = batch["original"].device
            varied = self.augment({name: value.cpu() for name, value in batch.items()}, generator)
            losses.append(float(self.loss(module, {n: v.to(device) for n, v in varied.items()}, torch.empty(0), 1.0)))
        return {"loss": float(np.mean(losses))}

    def publish(self, module: Painter) -> tuple[dict[str, Tensor], dict[str, object]]:
        """Its tensors."""
        return dict(module.state_dict()), {}

    def export(self, module: Painter, folder: Path, trained_on: str) -> list[Path]:
        """A whole model in diffusers' format."""
        from copy import deepcopy

        parts = deepcopy(module)
        return networks.write(folder / "model", parts.unet, deepcopy(self._vae), parts.image_encoder, trained_on)


def _normalized(squares: Tensor) -> Tensor:
    """(..., e, e, 3) uint8 -> (..., 3, e, e), as the image encoder takes it."""
    mean, std = (torch.tensor(value)[:, None, None] for value in (networks.MEAN, networks.STD))
    return (squares.movedim(-1, -3).float() / 255.0 - mean) / std


def _column(values: Tensor) -> Tensor:
    """(n,) -> (n, 1, 1)."""
    return values[:, None, None]
