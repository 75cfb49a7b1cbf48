"""From a crop and examples to a repainted crop: Paint by Example with fused examples and an interpolated prior."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name everyone gives it

from deidkit_engines.diffusion.model import Model

Scheduler = Literal["plms", "ddim", "dpm++"]

PUBLISHED_MOMENTS = {"timestep_spacing": "leading", "steps_offset": 1, "set_alpha_to_one": False}
"""Which moments of the noise schedule a sampler stops at, and where it ends."""


@dataclass(frozen=True)
class Settings:
    """How to sample.

    Attributes:
        alpha: Share of the original's latent in the background's (eq. 2), 0..1.
        guidance: Scale of classifier-free guidance against the model's own unconditional vector.
        steps: Of the sampler.
        scheduler: Which sampler.
    """

    alpha: float
    guidance: float
    steps: int
    scheduler: Scheduler


def embed(model: Model, exemplars: Tensor) -> tuple[Tensor, Tensor]:
    """Fuse examples (eq. 1): the mean of their embeddings, after the projection.

    Args:
        model: On the device of `exemplars`.
        exemplars: (n, k, 3, e, e) in 0..1, k examples of each of n crops.

    Returns:
        (n, 1, d) conditions, and the (1, 1, d) unconditional vector.
    """
    n, k = exemplars.shape[:2]
    mean, std = (torch.tensor(value, device=exemplars.device)[:, None, None] for value in (model.mean, model.std))
    pictures = ((exemplars.flatten(0, 1).float() - mean) / std).to(_kind(model.image_encoder))
    embedded, unconditional = model.image_encoder(pictures, return_uncond_vector=True)
    return embedded.unflatten(0, (n, k)).mean(dim=1), unconditional


def prior(model: Model, pictures: Tensor, keep: Tensor, alpha: float) -> Tensor:
    """The background latent with a share of the original's (eq. 2): alpha z_o + (1 - alpha) z_bg.

    The means of the encoder's distributions are used, not draws: the same picture has one latent, whatever the seed.

    Args:
        model: On the device of `pictures`.
        pictures: (n, 3, s, s) in -1..1.
        keep: (n, 1, s, s), 1 where the picture is kept and 0 where it is repainted.
        alpha: 0..1.

    Returns:
        (n, 4, s / factor, s / factor).
    """
    background = encode(model, pictures * keep)
    if alpha == 0.0:
        return background
    return alpha * encode(model, pictures) + (1.0 - alpha) * background


def latent_mask(keep: Tensor, side: int) -> Tensor:
    """The mask at the latent's size: what lies at the centre of each place, as Paint by Example was trained.

    (diffusers' pipeline takes the upper left pixel instead, which moves a mask by half a place.)

    Args:
        keep: (n, 1, s, s), 1 where the picture is kept and 0 where it is repainted.
        side: Of the latent.

    Returns:
        (n, 1, side, side) float32; between 0 and 1 where an edge runs through a centre.
    """
    return F.interpolate(keep.float(), size=(side, side), mode="bilinear", align_corners=False)


def encode(model: Model, pictures: Tensor) -> Tensor:
    """Scaled latent means of pictures in -1..1."""
    means: Tensor = model.vae.encode(pictures.to(_kind(model.vae))).latent_dist.mode()
    return means * float(model.vae.config.scaling_factor)


def decode(model: Model, latents: Tensor) -> Tensor:
    """Pictures in -1..1, float32, of scaled latents."""
    pictures: Tensor = model.vae.decode((latents / model.vae.config.scaling_factor).to(_kind(model.vae))).sample
    return pictures.float()


def start_noise(model: Model, seeds: Sequence[int]) -> Tensor:
    """(n, 4, l, l) float32 on the CPU: each seed's own start, the same for every picture, as published."""
    side = int(model.unet.config.sample_size)
    channels = int(model.unet.config.out_channels)
    return torch.stack(
        [torch.randn(channels, side, side, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    )


def denoise(
    model: Model,
    noise: Tensor,
    background: Tensor,
    mask: Tensor,
    condition: Tensor,
    free: Tensor,
    settings: Settings,
    go_on: Callable[[], None] = lambda: None,
) -> Tensor:
    """Run the sampler.

    Args:
        model: On the device of the tensors.
        noise: (n, 4, l, l), from `start_noise`.
        background: (n, 4, l, l), from `prior`.
        mask: (n, 1, l, l), from `latent_mask`.
        condition: (n, 1, d), from `embed`.
        free: (1, 1, d), the unconditional vector.
        settings: How.
        go_on: Called before every step; what it raises ends the work.

    Returns:
        (n, 4, l, l) scaled latents.
    """
    kind = _kind(model.unet)
    guided = settings.guidance != 1.0
    scheduler = make_scheduler(model, settings)
    latents: Tensor = noise * float(scheduler.init_noise_sigma)
    rest = torch.cat([background.float(), mask], dim=1)
    words = condition
    if guided:
        rest = torch.cat([rest, rest])
        words = torch.cat([free.expand_as(condition), condition])
    rest, words = rest.to(kind), words.to(kind)
    for moment, here in zip(scheduler.timesteps, scheduler.timesteps.to(latents.device), strict=True):
        go_on()
        current = scheduler.scale_model_input(torch.cat([latents, latents]) if guided else latents, moment)
        predicted = model.unet(
            torch.cat([current.to(kind), rest], dim=1), here, encoder_hidden_states=words
        ).sample.float()
        if guided:
            without, given = predicted.chunk(2)
            predicted = without + settings.guidance * (given - without)
        latents = scheduler.step(predicted, moment, latents).prev_sample
    return latents


def make_scheduler(model: Model, settings: Settings) -> Any:
    """A new scheduler, ready for its steps; one keeps the state of one run.

    PLMS is diffusers' PNDM without its Runge-Kutta start. It and DDIM stop at the moments of the published program;
    DPM-Solver++ spreads its few over the whole schedule. What a model's folder says of that is not heeded: it depends
    on the library that wrote it.
    """
    from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, PNDMScheduler

    made: Any
    if settings.scheduler == "plms":
        made = PNDMScheduler.from_config(model.scheduler, skip_prk_steps=True, **PUBLISHED_MOMENTS)
    elif settings.scheduler == "ddim":
        made = DDIMScheduler.from_config(model.scheduler, clip_sample=False, **PUBLISHED_MOMENTS)
    else:
        made = DPMSolverMultistepScheduler.from_config(
            model.scheduler, algorithm_type="dpmsolver++", timestep_spacing="linspace"
        )
    made.set_timesteps(settings.steps)
    return made


def _kind(network: Any) -> torch.dtype:
    kind: torch.dtype = next(network.parameters()).dtype
    return kind
