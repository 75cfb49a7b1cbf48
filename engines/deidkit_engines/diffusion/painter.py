"""Runs a model on a device, with a given precision and batch size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deidkit.errors import SampleError, UsageError
from deidkit.protocols import Image
from deidkit_engines.diffusion import sampling
from deidkit_engines.diffusion.model import Model, load, weight_files
from deidkit_engines.diffusion.simplified_blocks import enlarging_in_parts
from deidkit_networks.device import Precision, data_type, one_thread_per_operation

SMALL = 256
"""Largest side of the crops, in pixels, of a model that counts as small."""

AUTOENCODED = 4
"""Batch size of the autoencoder; more takes gigabytes and is no faster."""


@dataclass(frozen=True)
class Scene:
    """The model's input for one crop.

    Attributes:
        picture: (s, s, 3) uint8, s being the model's size.
        palm: (s, s) bool, what is to be painted.
        exemplars: (k, e, e, 3) uint8, e being the size of the image encoder's input.
    """

    picture: Image
    palm: NDArray[np.bool_]
    exemplars: NDArray[np.uint8]


@dataclass(frozen=True)
class Encoded:
    """The U-Net's input for one crop, on the device.

    Attributes:
        background: n = 1.
        mask: (1, 1, l, l).
        condition: (1, 1, d).
        free: (1, 1, d).
    """

    background: sampling.Prior
    mask: Tensor
    condition: Tensor
    free: Tensor


@dataclass(frozen=True)
class Execution:
    """Device, precision and batch size of a model.

    Attributes:
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        crops: Painted at a time on a GPU, always, so that a result does not depend on the batch.
        slicing: Whether attention and autoencoder work piece by piece.
        offload: Whether a network is on the GPU only while it works.
    """

    device: str
    precision: Precision
    crops: int
    slicing: bool
    offload: bool
    compiled: bool


class Painter:
    """Paints crops.

    Attributes:
        at_a_time: Crops in a batch, always.
        lock: Held by who paints: several at a time would need the memory several times, and be no faster.
    """

    def __init__(self, model: Model, place: Execution) -> None:
        self.model, self.device, self.lock = model, torch.device(place.device), Lock()
        self.at_a_time = 1 if self.device.type == "cpu" else place.crops
        self._autoencoded = 1 if place.slicing else AUTOENCODED
        self._offload = place.offload
        kind = data_type(place.precision)
        for network, of_network in (
            (model.unet, kind),
            (model.image_encoder, kind),
            (model.vae, self._autoencoder_kind(place.precision)),
        ):
            network.to(device="cpu" if place.offload else self.device, dtype=of_network)
            network.to(memory_format=torch.channels_last)
        if self.device.type == "cpu":
            enlarging_in_parts(model.unet)
        if place.slicing:
            model.unet.set_attention_slice("auto")
        if place.compiled:
            model.unet.compile()

    @property
    def is_parallel(self) -> bool:
        """Whether batches run in parallel, one per core, because small networks would leave cores idle.

        A large one keeps them busy, and its activations for many crops would not fit into memory.
        """
        return self.device.type == "cpu" and self.model.size <= SMALL

    def encode(self, scenes: Sequence[Scene], settings: sampling.Settings) -> list[Encoded]:
        """The inputs that do not depend on a seed, of at most `at_a_time` scenes."""
        full = [*scenes, *[scenes[-1]] * (self.at_a_time - len(scenes))]
        pictures = _tensor([scene.picture for scene in full]).to(self.device) * 2.0 - 1.0
        keep = torch.from_numpy(np.stack([~scene.palm for scene in full]))[:, None].to(self.device).float()
        exemplars = _tensor([scene.exemplars for scene in full]).to(self.device)
        with torch.inference_mode(), self._repeatable():
            with self._on_device(self.model.image_encoder):
                condition, free = sampling.embed(self.model, exemplars)
            with self._on_device(self.model.vae):
                pieces = zip(_pieces(pictures, self._autoencoded), _pieces(keep, self._autoencoded), strict=True)
                priors = [sampling.prior(self.model, some, kept, settings.alpha) for some, kept in pieces]
            mean, spread = (torch.cat([getattr(one, part) for one in priors]) for part in ("mean", "spread"))
            mask = sampling.latent_mask(keep, mean.shape[-1], as_program=settings.as_program)
        return [
            Encoded(sampling.Prior(mean[n : n + 1], spread[n : n + 1]), mask[n : n + 1], condition[n : n + 1], free)
            for n in range(len(scenes))
        ]

    def paint(
        self, jobs: Sequence[tuple[Encoded, sampling.Noise]], settings: sampling.Settings, go_on: Callable[[], None]
    ) -> list[Image]:
        """Paint crops.

        Args:
            jobs: At most `at_a_time`; each with its noise.
            settings: How to sample.
            go_on: Called before every step; what it raises ends the work.

        Returns:
            (s, s, 3) uint8 of each.

        Raises:
            SampleError: The networks gave values that are not numbers, of which a picture would be black.
        """
        full = [*jobs, *[jobs[-1]] * (self.at_a_time - len(jobs))]
        noise = torch.cat([noise.start.to(self.device) for _, noise in full])
        background = torch.cat([
            scene.background.drawn(noise.draws.to(self.device)) if settings.as_program else scene.background.mean
            for scene, noise in full
        ])  # fmt: skip
        mask = torch.cat([scene.mask for scene, _ in full])
        conditions = sampling.Conditions(torch.cat([scene.condition for scene, _ in full]), jobs[0][0].free)
        with torch.inference_mode(), self._repeatable():
            with self._on_device(self.model.unet):
                latents = sampling.denoise(self.model, noise, background, mask, conditions, settings, go_on)
            with self._on_device(self.model.vae):
                pieces = _pieces(latents, self._autoencoded)
                painted = torch.cat([sampling.decode(self.model, some) for some in pieces])[: len(jobs)]
        if not painted.isfinite().all():
            raise SampleError("the networks gave values that are not numbers; try precision=float32, or other weights")
        return list(_bytes(painted, truncated=settings.as_program).cpu().numpy())

    def threads(self) -> ThreadPoolExecutor:
        """A pool of one thread per core, in which torch uses a single thread per operation."""
        return ThreadPoolExecutor(torch.get_num_threads(), "diffusion", one_thread_per_operation)

    def _autoencoder_kind(self, precision: Precision) -> torch.dtype:
        """The autoencoder's precision; activations of some exceed the range of float16."""
        if precision != "float16":
            return data_type(precision)
        native = self.device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if native else torch.float32

    @contextmanager
    def _on_device(self, network: nn.Module) -> Iterator[None]:
        if self._offload:
            network.to(self.device)
        try:
            yield
        finally:
            if self._offload:
                network.to("cpu")

    @contextmanager
    def _repeatable(self) -> Iterator[None]:
        """Context manager for a GPU: deterministic kernels, and a clear error if memory runs out."""
        if self.device.type == "cpu":
            yield
            return
        try:
            with torch.backends.cudnn.flags(enabled=True, deterministic=True):
                yield
        except torch.cuda.OutOfMemoryError as error:
            raise UsageError(
                f"the GPU has not enough free memory for {self.at_a_time} crops at a time: use fewer, e.g. "
                f"diffusion:crops={max(1, self.at_a_time // 4)}, or offload=true."
            ) from error


def shared_painter(folder: Path, place: Execution) -> Painter:
    """The painter of a model, shared by engines that differ in other options only.

    Raises:
        MissingModel: A part of the model is absent, damaged or does not fit.
    """
    stamps = tuple((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in weight_files(folder).values())
    return _loaded_painter(folder, stamps, place)


@lru_cache(maxsize=2)
def _loaded_painter(folder: Path, stamps: tuple[tuple[str, int, int], ...], place: Execution) -> Painter:
    return Painter(load(folder), place)


def _pieces(tensor: Tensor, size: int) -> list[Tensor]:
    return [tensor[first : first + size] for first in range(0, len(tensor), size)]


def _tensor(pictures: Sequence[NDArray[np.uint8]]) -> Tensor:
    """(..., h, w, 3) uint8 each -> (n, ..., 3, h, w) float32 in 0..1."""
    return torch.from_numpy(np.stack(pictures)).movedim(-1, -3).float() / 255.0


def _bytes(pictures: Tensor, *, truncated: bool) -> Tensor:
    """(n, 3, h, w) in -1..1 -> (n, h, w, 3) uint8."""
    values = (pictures.clamp(-1.0, 1.0) + 1.0) * 127.5
    return (values if truncated else values.round()).to(torch.uint8).permute(0, 2, 3, 1).contiguous()
