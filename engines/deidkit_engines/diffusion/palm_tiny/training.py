"""How palm-tiny is trained: like Paint by Example, on the pictures themselves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deidkit.errors import MissingModel
from deidkit.hand import palm_region
from deidkit.progress import Progress
from deidkit.protocols import Image, option
from deidkit.training import Example, TrainingJob
from deidkit_engines.diffusion.geometry import Square, hand_square, palm_square
from deidkit_engines.diffusion.palm_tiny import networks
from deidkit_networks.trainable import Batch
from deidkit_networks.training import fit

UNCONDITIONAL = 0.2
"""Share of pictures for which the examples are replaced by the learned unconditional vector."""

KEPT_WEIGHT = 0.2
"""Weight of the loss where the picture is kept; 1 where it is repainted."""

SQUARES = 6
"""Example squares that are kept of each picture."""


class Painter(nn.Module):
    """U-Net and image encoder, which learn together."""

    def __init__(self) -> None:
        super().__init__()
        self.unet = networks.make_unet()
        self.image_encoder = networks.make_image_encoder()


@dataclass(frozen=True)
class PalmTinyTrainer:
    """palm-tiny: the palm is masked and painted again from one vector that says what a part of the palm looks like."""

    vae: Path = option(help="Folder of the autoencoder, made by deidkit train palm-tiny-vae")
    learning_rate: float = option(1e-3, "Of AdamW, at the start", minimum=1e-6, maximum=1)

    version: ClassVar[str] = "2"
    name: ClassVar[str] = "palm-tiny"
    views: ClassVar[int] = 1
    batch: ClassVar[int] = 16
    epochs: ClassVar[float] = 20.0
    truth: ClassVar[bool] = True
    average: ClassVar[float] = 0.998
    kept_by: ClassVar[tuple[str, ...]] = ("vae",)

    def train(self, job: TrainingJob, progress: Progress) -> Sequence[Path]:
        """See `deidkit.protocols.Trainer`."""
        return fit(self, job, progress)

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
    def _shares(self) -> Tensor:
        """(1000,): share of the picture in the noisy latent's variance at each moment."""
        shares: Tensor = networks.make_schedule().alphas_cumprod
        return shares

    def keep(self, example: Example) -> dict[str, NDArray[Any]]:
        """Latents with and without the palm, where it is, and parts of it."""
        square = hand_square(example.hand)
        shape = example.pixels.shape[:2]
        full = palm_square(example.hand, example.image.palm)
        region = palm_region(example.hand, example.image.palm, shape) & example.mask
        picture = square.cut(example.pixels, networks.SIZE)
        palm = square.cut(region.astype(np.uint8) * 255, networks.SIZE) >= 128
        given = torch.from_numpy(picture).permute(2, 0, 1).float()[None] / 127.5 - 1.0
        kept = torch.from_numpy(~palm).float()[None, None]
        with torch.no_grad():
            latents = self._vae.encode(torch.cat([given, given * kept])).latent_dist.mode().numpy()
        middle = networks.FACTOR // 2
        rng = np.random.default_rng(int.from_bytes(example.sample.key.encode()[-8:], "little"))
        return {
            "original": latents[0].astype(np.float16),
            "background": latents[1].astype(np.float16),
            "keep": (~palm[middle :: networks.FACTOR, middle :: networks.FACTOR]).astype(np.uint8),
            "squares": np.stack([_part(example.pixels, full, rng) for _ in range(SQUARES)]),
        }

    def build(self, identities: int) -> nn.Module:
        """U-Net and image encoder."""
        return Painter()

    def optimizer(self, module: nn.Module) -> torch.optim.Optimizer:
        """AdamW."""
        return torch.optim.AdamW(module.parameters(), self.learning_rate, betas=(0.9, 0.99), weight_decay=1e-4)

    def rate(self, progress: float) -> float:
        """Up within a fiftieth of the training, then a cosine to 0."""
        return min(1.0, 0.02 + 50.0 * progress) * (0.5 * (1.0 + math.cos(math.pi * min(1.0, progress))) + 0.02)

    def augment(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Noise, moment and square of each picture."""
        n = len(batch["original"])
        scale = float(self._vae.config.scaling_factor)
        original = batch["original"].float() * scale
        chosen = torch.randint(0, SQUARES, (n,), generator=generator)
        return {
            "original": original,
            "background": batch["background"].float() * scale,
            "keep": batch["keep"][:, None].float(),
            "square": _normalized(batch["squares"][torch.arange(n), chosen]),
            "noise": torch.randn(original.shape, generator=generator),
            "moment": torch.randint(0, 1000, (n,), generator=generator),
            "free": torch.rand(n, generator=generator) < UNCONDITIONAL,
        }

    def loss(self, module: nn.Module, batch: Batch, labels: Tensor, progress: float) -> Tensor:
        """Squared error of the velocity, mostly where the palm is repainted."""
        assert isinstance(module, Painter)
        condition, free = module.image_encoder(batch["square"], return_uncond_vector=True)
        condition = torch.where(batch["free"][:, None, None], free.expand_as(condition), condition)
        share = self._shares.to(batch["moment"].device)[batch["moment"]][:, None, None, None]
        signal, noise = share.sqrt(), (1.0 - share).sqrt()
        noisy = signal * batch["original"] + noise * batch["noise"]
        velocity = signal * batch["noise"] - noise * batch["original"]
        predicted: Tensor = module.unet(
            torch.cat([noisy, batch["background"], batch["keep"]], dim=1), batch["moment"], condition
        ).sample
        weight = 1.0 - (1.0 - KEPT_WEIGHT) * batch["keep"]
        squares: Tensor = (predicted - velocity).square() * weight
        return squares.sum() / (weight.sum() * predicted.shape[1])

    def evaluate(self, module: nn.Module, batches: Iterable[Batch], labels: NDArray[np.int64]) -> dict[str, float]:
        """The loss on held-out pictures, with noise that is always the same."""
        generator = torch.Generator().manual_seed(0)
        losses = []
        for batch in batches:
            device = batch["original"].device
            varied = self.augment({name: value.cpu() for name, value in batch.items()}, generator)
            losses.append(float(self.loss(module, {n: v.to(device) for n, v in varied.items()}, torch.empty(0), 1.0)))
        return {"loss": float(np.mean(losses))}

    def publish(self, module: nn.Module) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Its tensors."""
        return dict(module.state_dict()), {}

    def export(self, module: nn.Module, folder: Path, trained_on: str) -> list[Path]:
        """A whole model in diffusers' format."""
        from copy import deepcopy

        assert isinstance(module, Painter)
        parts = deepcopy(module)
        return networks.write(folder / "model", parts.unet, deepcopy(self._vae), parts.image_encoder, trained_on)


def _normalized(squares: Tensor) -> Tensor:
    """(n, e, e, 3) uint8 -> (n, 3, e, e), as the image encoder takes it."""
    mean, std = (torch.tensor(value)[:, None, None] for value in (networks.MEAN, networks.STD))
    return (squares.permute(0, 3, 1, 2).float() / 255.0 - mean) / std


def _part(pixels: Image, full: Square, rng: np.random.Generator) -> Image:
    """A turned, mirrored, blurred square of the palm: so large as one that will be shown, or of any size between."""
    share = rng.choice([0.1, 0.5, 1.0]) if rng.random() < 0.6 else np.exp(rng.uniform(np.log(0.1), 0.0))
    half = max(1.0, full.side * share / 2)
    centre = np.array([full.x, full.y]) + full.side / 2 + rng.uniform(-0.1, 0.1, 2) * full.side
    angle = rng.uniform(-0.3, 0.3)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    source = np.array([[-half, -half], [half, -half], [half, half]]) @ turn + centre
    size = networks.EXEMPLAR
    target = np.array([[0, 0], [size, 0], [size, size]])
    move = cv2.getAffineTransform(source.astype(np.float32), target.astype(np.float32))
    part = cv2.warpAffine(pixels, move, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if rng.random() < 0.5:
        part = part[:, ::-1]
    if rng.random() < 0.5:
        part = cv2.GaussianBlur(part, (0, 0), rng.uniform(0.3, 2.0))
    return np.ascontiguousarray(part, np.uint8)
