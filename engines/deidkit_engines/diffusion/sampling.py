"""Repaints a crop by examples: Paint by Example with fused examples and an interpolated prior."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name everyone gives it

from deidkit_engines.diffusion.model import Model

Scheduler = Literal["plms", "ddim", "dpm++"]

PUBLISHED_MOMENTS = {"timestep_spacing": "leading", "steps_offset": 1, "set_alpha_to_one": False}
"""Spacing of a sampler's steps in the noise schedule, and its final step."""


@dataclass(frozen=True)
class Settings:
    """How to sample.

    Attributes:
        alpha: Share of the original's latent in the background's (eq. 2), 0..1.
        guidance: Scale of classifier-free guidance against the model's own unconditional vector.
        as_program: Whether latents are drawn, masks made small and pictures rounded as in the published program.
    """

    alpha: float
    guidance: float
    steps: int
    scheduler: Scheduler
    as_program: bool = False


@dataclass(frozen=True)
class Noise:
    """All random numbers of a copy, a function of the seed alone.

    Attributes:
        start: (n, 4, l, l), where the sampler starts.
        draws: (n, 2, 4, l, l), of the latents of the background and of the original, where those are drawn.
    """

    start: Tensor
    draws: Tensor


@dataclass(frozen=True)
class Prior:
    """The background latent with a share of the original's (eq. 2): alpha z_o + (1 - alpha) z_bg.

    Attributes:
        mean: (n, 4, l, l), of the means of both.
        spread: (n, 2, 4, l, l), standard deviations of the background's and the original's share.
    """

    mean: Tensor
    spread: Tensor

    def drawn(self, draws: Tensor) -> Tensor:
        """(n, 4, l, l), with draws of a normal distribution in place of the means."""
        return self.mean + (self.spread * draws).sum(dim=1)


class Conditions(NamedTuple):
    """Conditioning of the sampler.

    Attributes:
        exemplars: (n, 1, d), one for each crop.
        free: (1, 1, d), the unconditional vector.
    """

    exemplars: Tensor
    free: Tensor


def embed(model: Model, exemplars: Tensor) -> Conditions:
    """Fuse (n, k, 3, e, e) examples in 0..1, k of each of n crops (eq. 1): the mean of their embeddings, projected."""
    n, k = exemplars.shape[:2]
    mean, std = (torch.tensor(value, device=exemplars.device)[:, None, None] for value in (model.mean, model.std))
    pictures = ((exemplars.flatten(0, 1).float() - mean) / std).to(_kind(model.image_encoder))
    embedded, unconditional = model.image_encoder(pictures, return_uncond_vector=True)
    return Conditions(embedded.unflatten(0, (n, k)).mean(dim=1), unconditional)


def prior(model: Model, pictures: Tensor, keep: Tensor, alpha: float) -> Prior:
    """The background latent with a share of the original's, as means and deviations.

    Args:
        model: On the device of `pictures`.
        pictures: (n, 3, s, s) in -1..1.
        keep: (n, 1, s, s), 1 where the picture is kept and 0 where it is repainted.
        alpha: 0..1.
    """
    mean, deviation = encode(model, pictures * keep)
    if alpha == 0.0:
        return Prior(mean, torch.stack([deviation, torch.zeros_like(deviation)], dim=1))
    whole, of_whole = encode(model, pictures)
    spread = torch.stack([(1.0 - alpha) * deviation, alpha * of_whole], dim=1)
    return Prior(alpha * whole + (1.0 - alpha) * mean, spread)


def latent_mask(keep: Tensor, side: int, *, as_program: bool = False) -> Tensor:
    """The mask at the latent's size, sampled at the centre of each cell as in the training of Paint by Example.

    (diffusers' pipeline takes the upper left pixel instead, which moves a mask by half a place; the published program
    takes a weighted mean of twice the place's width.)

    Args:
        keep: (n, 1, s, s), 1 where the picture is kept and 0 where it is repainted.
        side: Of the latent.
        as_program: How.

    Returns:
        (n, 1, side, side) float32; between 0 and 1 where an edge runs.
    """
    return F.interpolate(keep.float(), size=(side, side), mode="bilinear", align_corners=False, antialias=as_program)


def encode(model: Model, pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Means and standard deviations of the scaled latents of pictures in -1..1."""
    found = model.vae.encode(pictures.to(_kind(model.vae))).latent_dist
    scale = float(model.vae.config.scaling_factor)
    return found.mean * scale, found.std * scale


def decode(model: Model, latents: Tensor) -> Tensor:
    """Pictures in -1..1, float32, of scaled latents."""
    pictures: Tensor = model.vae.decode((latents / model.vae.config.scaling_factor).to(_kind(model.vae))).sample
    return pictures.float()


def noise_of(model: Model, seed: int, device: torch.device | None = None) -> Noise:
    """The noise of a seed, equal for all pictures as published; float32, n = 1.

    On the CPU a seed means the same everywhere; the published program draws it on its own device.
    """
    side, channels = int(model.unet.config.sample_size), int(model.unet.config.out_channels)
    drawn = torch.randn(3, channels, side, side, generator=torch.Generator().manual_seed(seed))
    start = drawn[:1]
    if device is not None and device.type != "cpu":
        generator = torch.Generator(device).manual_seed(seed)
        start = torch.randn(1, channels, side, side, generator=generator, device=device)
    return Noise(start, drawn[None, 1:])


def denoise(
    model: Model,
    noise: Tensor,
    background: Tensor,
    mask: Tensor,
    conditions: Conditions,
    settings: Settings,
    go_on: Callable[[], None] = lambda: None,
) -> Tensor:
    """Run the sampler.

    Args:
        model: On the device of the tensors.
        noise: (n, 4, l, l), the start.
        background: (n, 4, l, l), from `prior`.
        mask: (n, 1, l, l), from `latent_mask`.
        conditions: Of n crops, from `embed`.
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
    words = conditions.exemplars
    if guided:
        rest = torch.cat([rest, rest])
        words = torch.cat([conditions.free.expand_as(words), words])
    rest, words = rest.to(kind), words.to(kind)
    for moment, here in zip(scheduler.timesteps, scheduler.timesteps.to(latents.device), strict=True):
        go_on()
        current = scheduler.scale_model_input(torch.cat([latents, latents]) if guided else latents, moment)
        predicted = model.unet(
            torch.cat([current.to(kind), rest], dim=1), here, encoder_hidden_states=words
        ).sample.float()
        if guided:
            without, conditional = predicted.chunk(2)
            predicted = without + settings.guidance * (conditional - without)
        latents = scheduler.step(predicted, moment, latents).prev_sample
    return latents


def make_scheduler(model: Model, settings: Settings) -> Any:
    """A new scheduler with its steps set; a scheduler holds the state of a single run.

    PLMS is diffusers' PNDM without its Runge-Kutta start. It and DDIM stop at the moments of the published program;
    DPM-Solver++ spreads its few over the whole schedule. What a model's folder says of that is not heeded: it depends
    on the library that wrote it.

    The published program takes every moment of the schedule at a distance of 1000 // steps: 31 for 30 steps, where
    diffusers leaves out the first, so that it would start from noise that is not yet all noise.
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
    if settings.scheduler != "dpm++":
        length = int(made.config.num_train_timesteps)
        moments = [at + 1 for at in range(0, length, length // settings.steps) if at + 1 < length]
        if settings.scheduler == "plms" and len(moments) > 1:
            moments = [*moments[:-1], *moments[-2:]]  # the second is taken twice, as its predecessor is predicted
        made.timesteps = torch.tensor(moments[::-1])
    return made


def _kind(network: Any) -> torch.dtype:
    kind: torch.dtype = next(network.parameters()).dtype
    return kind
