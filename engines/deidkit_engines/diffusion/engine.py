"""The diffusion de-identifier as an engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from deidkit import models
from deidkit.errors import SampleError, UsageError
from deidkit.protocols import Failure, HandImage, Image, option
from deidkit_engines.diffusion import sampling
from deidkit_engines.diffusion.geometry import EXEMPLARS, Region, pasted, regions, resized
from deidkit_engines.diffusion.model import Model, load, weight_files
from deidkit_networks.device import choose, data_type

EMBEDDED = Path(__file__).parent / "weights"
"""palm-tiny, the small model that travels with the package."""

REAL, TINY = "paint-by-example", "palm-tiny"

GPU_BATCH = 16
"""Crops that a GPU repaints at a time, always, so that a result does not depend on the batch; a CPU takes one."""


@dataclass(frozen=True)
class Diffusion:
    """Repaints the palm with a diffusion model that is shown parts of the same palm (Yan et al., arXiv 2504.08272)."""

    weights: str = option(
        "auto",
        "paint-by-example, palm-tiny, a folder in diffusers' format, or the authors' .ckpt file; auto: Paint by "
        "Example if it was fetched, else palm-tiny",
        primary=True,
    )
    exemplars: str = option("s+m", "Squares of the palm that are shown, fused: any of s, m, f joined by +")
    alpha: float = option(0.1, "Share of the original's latent in the background's", minimum=0, maximum=1)
    guidance: float = option(3.0, "Scale of classifier-free guidance", minimum=0, maximum=100)
    steps: int = option(50, "Steps of the sampler", minimum=1, maximum=1000)
    scheduler: Literal["plms", "ddim", "dpm++"] = option("plms", "Sampler; dpm++ needs 20 steps where plms needs 50")
    device: str = option("auto", "auto, cpu, cuda or cuda:N")
    precision: Literal["auto", "float32", "bfloat16", "float16"] = option(
        "auto", "Of the networks; auto: float32 on a CPU, bfloat16 on a GPU"
    )
    slicing: bool = option(False, "Compute attention in slices, for small GPUs")
    offload: bool = option(False, "Keep each network on the GPU only while it works, for small GPUs")
    compiled: bool = option(False, "Compile the U-Net with torch.compile: minutes at the start, faster afterwards")

    version: ClassVar[str] = "1"
    deterministic: ClassVar[bool] = True
    diverse: ClassVar[bool] = True
    control: ClassVar[bool] = False

    @property
    def batch_size(self) -> int:
        """Pictures at a time: on a CPU few, so that progress shows and a kill costs little."""
        return 2 if choose(self.device).type == "cpu" else GPU_BATCH

    def __post_init__(self) -> None:
        names = self.exemplars.split("+")
        if not set(names) <= set(EXEMPLARS) or len(set(names)) < len(names):
            raise UsageError(f"exemplars={self.exemplars} is not one or more of s, m, f joined by +, e.g. s+m.")

    def prepare(self, note: Callable[[str], None]) -> None:
        """Load the model.

        Raises:
            MissingModel: It is not there or damaged.
            UsageError: The device is not there.
        """
        _ = self._ready
        note(f"diffusion: {self.remark()}.")

    def weight_files(self) -> dict[str, Path]:
        """The networks' files, for their hashes."""
        return weight_files(self._folder)

    def remark(self) -> str:
        """Which model it is, and what it was trained on."""
        model = self._loaded
        if self._name == REAL:
            return "Paint by Example, the published model"
        told = f"{model.name}, trained on {model.trained_on}" if model.trained_on else f"the model {model.name}"
        if self._name == TINY:
            told += ", a small stand-in for Paint by Example, which would be fetched by: deidkit models fetch " + REAL
        return told

    def deidentify(self, images: Sequence[HandImage], seeds: Sequence[int]) -> list[list[Image | Failure]]:
        """Repaint each palm once a seed; see `deidkit.protocols.Engine.deidentify`."""
        results: list[list[Image | Failure]] = []
        work: list[tuple[int, list[Region]]] = []
        for image in images:
            try:
                parts = regions(image)
            except SampleError as error:
                results.append([Failure("hand", str(error))] * len(seeds))
                continue
            if not parts:
                results.append([Failure("hand", "the palm does not lie within the hand's mask")] * len(seeds))
                continue
            work.append((len(results), parts))
            results.append([])
        crops = iter(self._repainted([(images[number], part) for number, parts in work for part in parts], seeds))
        for number, parts in work:
            made = [next(crops) for _ in parts]
            results[number] = [
                pasted(images[number].pixels, [crop[place] for crop in made], parts) for place in range(len(seeds))
            ]
        return results

    def _repainted(self, parts: Sequence[tuple[HandImage, Region]], seeds: Sequence[int]) -> list[list[Image]]:
        """The model's picture of each region, one a seed."""
        if not parts:
            return []
        model, device = self._ready
        noise = sampling.start_noise(model, seeds)
        encoded = [self._encoded(image, part) for image, part in parts]
        jobs = [(place, seed) for place in range(len(parts)) for seed in range(len(seeds))]
        chunk = 1 if device.type == "cpu" else GPU_BATCH
        settings = sampling.Settings(self.alpha, self.guidance, self.steps, self.scheduler)
        pictures: list[Image] = []
        with torch.inference_mode():
            for start in range(0, len(jobs), chunk):
                batch = jobs[start : start + chunk]
                full = batch + batch[-1:] * (chunk - len(batch))
                background, keep, condition, free = (
                    torch.cat([encoded[place][item] for place, _ in full]).to(device) for item in range(4)
                )
                with self._at_work(model.unet, device):
                    latents = sampling.denoise(
                        model,
                        noise[[seed for _, seed in full]].to(device),
                        background,
                        keep,
                        condition,
                        free[:1],
                        settings,
                    )
                with self._at_work(model.vae, device):
                    decoded = sampling.decode(model, latents)[: len(batch)]
                pictures.extend(_as_picture(item) for item in decoded)
        return [pictures[start : start + len(seeds)] for start in range(0, len(pictures), len(seeds))]

    def _encoded(self, image: HandImage, part: Region) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Background latent, mask, condition and unconditional vector of one region: once for all seeds."""
        model, device = self._ready
        crop = _as_tensor(part.crop.cut(image.pixels, model.size)) * 2.0 - 1.0
        palm = part.crop.cut(part.palm.astype(np.uint8) * 255, model.size) >= 128
        keep = torch.from_numpy(~palm).float()[None, None].to(device)
        shown = [resized(part.exemplar(image.pixels, name), model.exemplar_size) for name in self.exemplars.split("+")]
        with torch.inference_mode():
            with self._at_work(model.image_encoder, device):
                exemplars = torch.stack([_as_tensor(square) for square in shown])[None].to(device)
                condition, free = sampling.embed(model, exemplars)
            with self._at_work(model.vae, device):
                background = sampling.prior(model, crop[None].to(device), keep, self.alpha)
        return background.cpu(), keep.cpu(), condition.cpu(), free.cpu()

    @contextmanager
    def _at_work(self, network: nn.Module, device: torch.device) -> Iterator[None]:
        if self.offload:
            network.to(device)
        try:
            yield
        finally:
            if self.offload:
                network.to("cpu")

    @property
    def _name(self) -> str:
        """REAL, TINY, or the folder the user gave."""
        if self.weights != "auto":
            return self.weights
        return REAL if models.recorded(REAL) is not None else TINY

    @cached_property
    def _folder(self) -> Path:
        if self._name == REAL:
            return models.path(REAL)
        return EMBEDDED if self._name == TINY else Path(self._name).expanduser()

    @cached_property
    def _loaded(self) -> Model:
        return load(self._folder)

    @cached_property
    def _ready(self) -> tuple[Model, torch.device]:
        """The model where it runs, in its precision."""
        model, device = self._loaded, choose(self.device)
        precision = self.precision
        if precision == "auto":
            precision = "float32" if device.type == "cpu" else "bfloat16"
        for network in model.networks:
            network.to(dtype=data_type(precision))
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            if not self.offload:
                network.to(device)
        if precision == "float16":
            model.vae.to(torch.float32)  # its activations do not fit into float16
        if self.slicing:
            model.unet.set_attention_slice("auto")
        if self.compiled:
            model.unet.compile()
        return model, device


def _as_tensor(picture: Image) -> Tensor:
    """(h, w, 3) uint8 -> (3, h, w) float32 in 0..1."""
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1).float() / 255.0


def _as_picture(tensor: Tensor) -> Image:
    """(3, h, w) in -1..1 -> (h, w, 3) uint8."""
    scaled = ((tensor.clamp(-1.0, 1.0) + 1.0) * 127.5).round().to(torch.uint8)
    return np.ascontiguousarray(scaled.permute(1, 2, 0).cpu().numpy())
