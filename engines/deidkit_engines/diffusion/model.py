"""The parts of a Paint by Example model: loaded from a folder or a file on disk, never from the network."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from logging import CRITICAL
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from deidkit.errors import MissingModel
from deidkit_engines.diffusion import checkpoint
from deidkit_engines.diffusion.simplified_blocks import simplified
from deidkit_networks.programs import refuse_program

if TYPE_CHECKING:
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from diffusers.models.attention_processor import Attention
    from diffusers.pipelines.paint_by_example.image_encoder import PaintByExampleImageEncoder

PARTS = ("unet", "vae", "image_encoder", "scheduler", "feature_extractor")
"""Sub-folders of a model."""

DESCRIPTION = "deidkit.json"
"""File with the name and training data of a model trained by deidkit."""


@dataclass(frozen=True)
class Model:
    """A loaded model; its networks are in evaluation mode and in float32 on the CPU.

    Attributes:
        name: As reports print it.
        trained_on: In a few words; empty where the folder does not say.
        unet: diffusers' UNet2DConditionModel with nine input channels.
        vae: diffusers' AutoencoderKL.
        image_encoder: diffusers' PaintByExampleImageEncoder.
        scheduler: Configuration of the noise schedule.
        mean: Of the image encoder's input, RGB in 0..1.
        std: Of the same.
    """

    name: str
    trained_on: str
    unet: UNet2DConditionModel
    vae: AutoencoderKL
    image_encoder: PaintByExampleImageEncoder
    scheduler: dict[str, Any]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @property
    def factor(self) -> int:
        """Pixels of the picture per cell of the latent, along one side."""
        return int(2 ** (len(self.vae.config.block_out_channels) - 1))

    @property
    def size(self) -> int:
        """Side of the picture the model works on."""
        return int(self.unet.config.sample_size) * self.factor

    @property
    def exemplar_size(self) -> int:
        """Side of the image encoder's input."""
        return int(self.image_encoder.config.image_size)

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        """The three networks."""
        return (self.unet, self.vae, self.image_encoder)


def load(place: Path) -> Model:
    """Load a model.

    Args:
        place: A folder that holds `PARTS`, as ``deidkit models fetch paint-by-example`` or ``deidkit train`` write
            them, weights as safetensors or as ``.bin`` files; or the authors' single ``.ckpt``. Nothing in them is
            executed.

    Raises:
        MissingModel: A part is absent, damaged or does not fit; the message names it.
    """
    return _from_checkpoint(place) if place.is_file() else _from_folder(place)


def _from_checkpoint(path: Path) -> Model:
    unet, vae, image_encoder = checkpoint.networks(path)
    return Model(
        name=path.name,
        trained_on="",
        unet=simplified(with_one_token(_ready(unet))),
        vae=_ready(vae),
        image_encoder=_ready(image_encoder),
        scheduler=checkpoint.SCHEDULER,
        mean=checkpoint.MEAN,
        std=checkpoint.STD,
    )


def _from_folder(folder: Path) -> Model:
    absent = [part for part in PARTS if not (folder / part).is_dir()]
    if absent:
        raise MissingModel(
            f"{folder} is not a Paint by Example model in diffusers' format: it has no folder {', '.join(absent)}."
        )
    from diffusers import AutoencoderKL, UNet2DConditionModel

    unet = _network(UNet2DConditionModel.from_pretrained, folder / "unet")
    vae = _network(AutoencoderKL.from_pretrained, folder / "vae")
    image_encoder = _network(_image_encoder, folder / "image_encoder")
    if unet.config.in_channels != 9:
        raise MissingModel(
            f"{folder / 'unet'} takes {unet.config.in_channels} channels, not the 9 of an inpainting network."
        )
    extractor = _settings(folder / "feature_extractor" / "preprocessor_config.json")
    description = _settings(folder / DESCRIPTION) if (folder / DESCRIPTION).is_file() else {}
    return Model(
        name=description.get("name", folder.name),
        trained_on=description.get("trained_on", ""),
        unet=simplified(with_one_token(unet)),
        vae=vae,
        image_encoder=image_encoder,
        scheduler=_settings(folder / "scheduler" / "scheduler_config.json"),
        mean=tuple(extractor["image_mean"]),
        std=tuple(extractor["image_std"]),
    )


class _OneToken:
    """Cross-attention to a single token, whose value is the result at every position."""

    def __call__(
        self, attn: Attention, hidden_states: Tensor, encoder_hidden_states: Tensor, attention_mask: None = None
    ) -> Tensor:
        value: Tensor = attn.to_out[0](attn.to_v(encoder_hidden_states))
        return value.expand(-1, hidden_states.shape[1], -1)


def with_one_token(unet: UNet2DConditionModel) -> UNet2DConditionModel:
    """Simplify a U-Net for single-token conditions, as in Paint by Example; results are the same."""
    unet.set_attn_processor({
        name: _OneToken() if ".attn2." in name else processor for name, processor in unet.attn_processors.items()
    })  # fmt: skip
    return unet


def weight_files(place: Path) -> dict[str, Path]:
    """The files of the three networks, whose hashes are recorded."""
    if place.is_file():
        return {place.name: place}
    files = [path for part in PARTS[:3] for path in sorted((place / part).glob("*")) if path.suffix in _WEIGHTS]
    return {f"{path.parent.name}/{path.name}": path for path in files}


_WEIGHTS = (".safetensors", ".bin")


def _network(load_from: Callable[..., tuple[Any, dict[str, Any]]], folder: Path) -> Any:
    try:
        for pickled in sorted(folder.glob("*.bin")):
            refuse_program(pickled)
        with _quiet():
            network, loading_info = load_from(folder, local_files_only=True, output_loading_info=True)
    except MissingModel:
        raise
    except Exception as error:  # each library has its own ways to say that a file is missing or damaged
        raise MissingModel(f"{folder} cannot be loaded: {_first_line(error)}") from error
    if absent := sorted(loading_info["missing_keys"]):  # else they would be random numbers, other ones every time
        raise MissingModel(f"{folder} lacks {len(absent)} of the network's tensors, such as {absent[0]}.")
    return _ready(network)


def _image_encoder(folder: Path, **options: bool) -> tuple[Any, dict[str, Any]]:
    """Load the image encoder, also from a ``.bin`` file with torch before 2.6, which transformers itself refuses."""
    from diffusers.pipelines.paint_by_example.image_encoder import PaintByExampleImageEncoder
    from transformers import CLIPVisionConfig

    pickled = folder / "pytorch_model.bin"
    if (folder / "model.safetensors").is_file() or not pickled.is_file():
        network, loading_info = PaintByExampleImageEncoder.from_pretrained(folder, **options)
        return network, loading_info
    network = PaintByExampleImageEncoder(CLIPVisionConfig.from_pretrained(folder, local_files_only=True))
    missing, _ = network.load_state_dict(checkpoint.tensors(pickled), strict=False)
    return network, {"missing_keys": missing}


def _ready(network: Any) -> Any:
    return network.float().eval().requires_grad_(False)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence warnings that the published weights are not safetensors and their image encoder is not a whole CLIP."""
    import diffusers.utils.logging
    import transformers.utils.logging

    libraries: list[Any] = [diffusers.utils.logging, transformers.utils.logging]
    before = [library.get_verbosity() for library in libraries]
    for library in libraries:
        library.set_verbosity(CRITICAL)
    try:
        yield
    finally:
        for library, level in zip(libraries, before, strict=True):
            library.set_verbosity(level)


def _settings(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MissingModel(f"{path} cannot be read: {_first_line(error)}") from error
    if not isinstance(values, dict):
        raise MissingModel(f"{path} cannot be read: it holds no settings.")
    return values


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].rstrip(".") + "."
