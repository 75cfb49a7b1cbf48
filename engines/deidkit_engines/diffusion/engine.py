"""The diffusion de-identifier as an engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import ClassVar, Literal, TypeVar

import numpy as np
import torch

from deidkit import models
from deidkit.errors import Interruption, SampleError, UsageError
from deidkit.protocols import Failure, HandImage, Image, option
from deidkit_engines.diffusion import sampling
from deidkit_engines.diffusion.geometry import EXEMPLARS, Part, pasted, regions
from deidkit_engines.diffusion.model import weight_files
from deidkit_engines.diffusion.painter import Execution, Painter, Scene, shared_painter
from deidkit_engines.diffusion.program import part_of_program
from deidkit_networks.device import Precision, choose, hardware, resolve

EMBEDDED = Path(__file__).parent / "weights"
"""palm-tiny, the small model that is included in the package."""

REAL, TINY = "paint-by-example", "palm-tiny"

PUBLISHED_SIZE = 512
"""Side of the published model's crop, in pixels; smaller models smear fingers."""

STAND_IN = (
    f"its weights are not here (deidkit models fetch {REAL}), and its stand-in {TINY} is a test model trained on drawn "
    "hands, whose palms are blotchy, have a tenth of real skin's fine texture and say nothing about the published "
    f"method: use resynth, which needs no weights, or name the stand-in: diffusion:{TINY}"
)

Item = TypeVar("Item")


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
    steps: int = option(50, "Steps of the sampler", minimum=1, maximum=999)
    scheduler: Literal["plms", "ddim", "dpm++"] = option("plms", "Sampler; dpm++ needs 20 steps where plms needs 50")
    device: str = option("auto", "auto, cpu, cuda or cuda:N")
    precision: Literal["auto", "float32", "bfloat16", "float16"] = option(
        "auto", "Of the networks; auto: float32 on a CPU, float16 on a GPU"
    )
    crops: int = option(16, "Crops that a GPU paints at a time; fewer for small GPUs", minimum=1, maximum=1024)
    paste: Literal["auto", "hand", "palm"] = option(
        "auto", "What is taken of the model's picture; auto: the hand, as published, by a model that paints 512 pixels"
    )
    preparation: Literal["deidkit", "program"] = option(
        "deidkit",
        "How a picture comes to the model and back; program: to the rounding as the authors' program does, "
        "with its polygon, and the first hand alone",
    )
    slicing: bool = option(False, "Attention and autoencoder piece by piece, for small GPUs")
    offload: bool = option(False, "Keep each network on the GPU only while it works, for small GPUs")
    compiled: bool = option(False, "Compile the U-Net with torch.compile: minutes at the start, faster afterwards")

    _unasked: bool = field(default=False, init=False, repr=False, compare=False)
    """Whether palm-tiny is used only because no better model is installed."""
    _stopped: Event = field(default_factory=Event, init=False, repr=False, compare=False)

    version: ClassVar[str] = "4"
    deterministic: ClassVar[bool] = True
    diverse: ClassVar[bool] = True

    @property
    def batch_size(self) -> int:
        """Pictures per batch; few on a CPU, for frequent progress and little lost work after a kill."""
        return torch.get_num_threads() if choose(self.device).type == "cpu" else 2 * self.crops

    def __post_init__(self) -> None:
        names = self.exemplars.split("+")
        if not set(names) <= set(EXEMPLARS) or len(set(names)) < len(names):
            raise UsageError(f"exemplars={self.exemplars} is not one or more of s, m, f joined by +, e.g. s+m.")
        if self.weights == "auto" and models.recorded(REAL) is None:
            object.__setattr__(self, "weights", TINY)  # so that every table names it
            object.__setattr__(self, "_unasked", True)

    def prepare(self, note: Callable[[str], None]) -> None:
        """Load the model.

        Raises:
            MissingModel: It is not there or damaged.
            UsageError: The device is not there.
        """
        if self._name == REAL:
            models.announce(REAL, note)
        painter = self._painter
        if not self._unasked:  # else who runs it says so first
            note(f"diffusion: {self.remark()}.")
        if painter.device.type == "cpu" and not painter.is_parallel:
            note("diffusion: on a CPU a model of this size takes minutes for each picture; run it on a GPU.")

    @classmethod
    def ablation_grid(cls) -> tuple[dict[str, tuple[str, ...]], ...]:
        """The settings of the published ablation (Yan et al., arXiv 2504.08272, Table V)."""
        return (
            {"exemplars": ("s", "m", "f", "s+m", "s+f", "m+f", "s+m+f"), "alpha": ("0",)},
            {"exemplars": ("s+m",), "alpha": ("0.1", "0.2", "0.3")},
        )

    def packages(self) -> tuple[str, ...]:
        """Packages whose versions are recorded."""
        return ("torch", "diffusers", "transformers")

    def weight_files(self) -> dict[str, Path]:
        """The networks' files, whose hashes are recorded."""
        return weight_files(self._folder)

    def remark(self) -> str:
        """A remark for reports: the model, and what it was trained on."""
        model = self._painter.model
        if self._name == REAL:
            return "Paint by Example, the published model"
        description = f"{model.name}, trained on {model.trained_on}" if model.trained_on else f"the model {model.name}"
        if self._name == TINY:
            description += (
                ", a test model whose palms are blotchy and that says nothing about Paint by Example, which deidkit "
                f"models fetch {REAL} brings"
            )
        return description

    def stand_in(self) -> str:
        """A warning if palm-tiny is used without having been requested."""
        return STAND_IN if self._unasked else ""

    def resolved(self) -> dict[str, str]:
        """The weights, device and precision that are actually used."""
        painter = self._painter
        return {"weights": self._name, "device": hardware(painter.device), "precision": self._precision(painter.device)}

    def deidentify(self, images: Sequence[HandImage], seeds: Sequence[int]) -> list[list[Image | Failure]]:
        """Repaint each palm, once for each seed; see `deidkit.protocols.Engine.deidentify`."""
        results: list[list[Image | Failure]] = []
        hands: list[tuple[int, HandImage, Sequence[Part]]] = []
        for number, image in enumerate(images):
            parts = self._regions(image)
            results.append([parts] * len(seeds) if isinstance(parts, Failure) else [])
            if not isinstance(parts, Failure):
                hands.append((number, image, parts))
        with self._painter.threads() as pool:
            places = [(image, part) for _, image, parts in hands for part in parts]
            scenes = list(pool.map(lambda place: self._scene(*place), places))
            crops = iter(self._painted(scenes, seeds, pool))
            jobs = [(image.pixels, [next(crops) for _ in parts], parts) for _, image, parts in hands]
            copies = pool.map(lambda job: _copies(*job), jobs)
            for (number, _, _), made in zip(hands, copies, strict=True):
                results[number] = made
        return results

    def stop(self) -> None:
        """Stop at the sampler's next step."""
        self._stopped.set()

    def _regions(self, image: HandImage) -> Sequence[Part] | Failure:
        paste = self.paste
        if paste == "auto":
            paste = "hand" if self._painter.model.size >= PUBLISHED_SIZE else "palm"
        try:
            if self.preparation == "program":
                return [part_of_program(image, paste)]
            return regions(image, paste) or Failure("hand", "the palm does not lie within the hand's mask")
        except SampleError as error:
            return Failure("hand", str(error))

    def _scene(self, image: HandImage, part: Part) -> Scene:
        """The model's input for one region."""
        model = self._painter.model
        names = self.exemplars.split("+")
        return Scene(
            picture=part.picture(image.pixels, model.size),
            palm=part.mask(model.size),
            exemplars=np.stack([part.exemplar(image.pixels, name, model.exemplar_size) for name in names]),
        )

    def _painted(self, scenes: Sequence[Scene], seeds: Sequence[int], pool: ThreadPoolExecutor) -> list[list[Image]]:
        """The model's output for each scene and seed; everything that does not depend on the seed is computed once."""
        painter, count = self._painter, len(seeds)
        each = pool.map if painter.is_parallel else map
        as_program = self.preparation == "program"
        where = painter.device if as_program else None
        noise = [sampling.noise_of(painter.model, seed, where) for seed in seeds]
        settings = sampling.Settings(self.alpha, self.guidance, self.steps, self.scheduler, as_program)
        with painter.lock:
            encoded = each(lambda some: painter.encode(some, settings), _batches(scenes, painter.at_a_time))
            jobs = [(one, start) for batch in encoded for one in batch for start in noise]
            painted = each(lambda some: painter.paint(some, settings, self._go_on), _batches(jobs, painter.at_a_time))
            pictures = [picture for batch in painted for picture in batch]
        return [pictures[first : first + count] for first in range(0, len(pictures), count)]

    def _go_on(self) -> None:
        if self._stopped.is_set():
            raise Interruption("the diffusion engine was stopped.")

    def _precision(self, device: torch.device) -> Precision:
        return resolve(self.precision, device, on_gpu="float16")

    @property
    def _name(self) -> str:
        """REAL, TINY, or the folder given by the user."""
        return REAL if self.weights == "auto" else self.weights

    @cached_property
    def _folder(self) -> Path:
        if self._name == REAL:
            return models.path(REAL)
        return EMBEDDED if self._name == TINY else Path(self._name).expanduser()

    @cached_property
    def _painter(self) -> Painter:
        """The loaded model, shared by all settings of an ablation."""
        device = choose(self.device)
        place = Execution(
            device=str(device),
            precision=self._precision(device),
            crops=self.crops,
            slicing=self.slicing,
            offload=self.offload,
            compiled=self.compiled,
        )
        return shared_painter(self._folder, place)


def _batches(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    return [items[first : first + size] for first in range(0, len(items), size)]


def _copies(original: Image, crops: Sequence[Sequence[Image]], parts: Sequence[Part]) -> list[Image | Failure]:
    """For each seed, the original with the model's outputs pasted in."""
    return [pasted(original, of_seed, parts) for of_seed in zip(*crops, strict=True)]
