"""Reads the published ``.ckpt`` file of Paint by Example: tensors only, no code of the file is run."""

from __future__ import annotations

import collections
import pickle
import zipfile
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from deidkit.errors import MissingModel, os_errors_as
from deidkit_networks.programs import refuse_program

State = dict[str, Tensor]


@dataclass(frozen=True)
class Layout:
    """Sizes of the three networks, which the file does not tell.

    Attributes:
        unet: Settings of diffusers' UNet2DConditionModel.
        vae: Settings of diffusers' AutoencoderKL.
        vision: Settings of transformers' CLIPVisionConfig.
    """

    unet: dict[str, object]
    vae: dict[str, object]
    vision: dict[str, object]


PUBLISHED = Layout(
    unet={
        "sample_size": 64,
        "in_channels": 9,
        "out_channels": 4,
        "block_out_channels": (320, 640, 1280, 1280),
        "layers_per_block": 2,
        "cross_attention_dim": 768,
        "attention_head_dim": 8,
        "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
    },
    vae={
        "sample_size": 512,
        "block_out_channels": (128, 256, 512, 512),
        "layers_per_block": 2,
        "latent_channels": 4,
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
    },
    vision={
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "image_size": 224,
        "patch_size": 14,
        "projection_dim": 768,
    },
)
"""Stable Diffusion 1's U-Net with nine channels and its autoencoder, and CLIP ViT-L/14."""

SCHEDULER = {
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "num_train_timesteps": 1000,
    "skip_prk_steps": True,
    "steps_offset": 1,
}
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""CLIP's, RGB."""

_MAPPER = "cond_stage_model.mapper.resblocks."
_MAPPER_PARTS = {
    "attn.c_qkv": ("attn1.to_q", "attn1.to_k", "attn1.to_v"),
    "attn.c_proj": ("attn1.to_out.0",),
    "ln_1": ("norm1",),
    "ln_2": ("norm3",),
    "mlp.c_fc": ("ff.net.0.proj",),
    "mlp.c_proj": ("ff.net.2",),
}
"""Parts of a block of the mapper: their names in the file, and in diffusers."""


def networks(path: Path, layout: Layout = PUBLISHED) -> tuple[Any, Any, Any]:
    """U-Net, autoencoder and image encoder of a checkpoint.

    Raises:
        MissingModel: The file is not a checkpoint, is cut off, or holds other networks; the message says which.
    """
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint
    from diffusers.pipelines.paint_by_example.image_encoder import PaintByExampleImageEncoder
    from transformers import CLIPVisionConfig

    state = tensors(path)
    with torch.device("meta"):  # every number comes from the file
        unet, vae = UNet2DConditionModel(**layout.unet), AutoencoderKL(**layout.vae)
    config = CLIPVisionConfig(**layout.vision)
    try:
        encoder_tensors = _encoder(state)
        unet.load_state_dict(convert_ldm_unet_checkpoint(state, dict(unet.config)), assign=True)
        vae.load_state_dict(convert_ldm_vae_checkpoint(state, dict(vae.config)), assign=True)
        encoder = PaintByExampleImageEncoder(config, proj_size=config.projection_dim)
        encoder.load_state_dict(encoder_tensors)
    except KeyError as error:
        raise MissingModel(f"{path} is not a checkpoint of Paint by Example: it has no tensor {error}.") from error
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise MissingModel(
            f"{path} is not a checkpoint of Paint by Example: {lines[1 if len(lines) > 1 else 0][:200].rstrip('.')}."
        ) from error
    return unet, vae, encoder


def tensors(path: Path) -> State:
    """The named tensors of a checkpoint of PyTorch.

    The file is a pickle. Nothing in it is run but what puts tensors together: any other object that it asks for, such
    as the state of the program that trained it, is replaced by an empty one. A program of TorchScript is refused: to
    load one is to run it.

    Raises:
        MissingModel: The file cannot be read, is not a checkpoint, is a program, or is cut off.
    """
    with os_errors_as(MissingModel, f"{path} cannot be read"), path.open("rb") as file:
        is_archive = zipfile.is_zipfile(file)
    if not is_archive:
        raise MissingModel(f"{path} is not a checkpoint of PyTorch, or is cut off; fetch or copy it again.")
    safe = SimpleNamespace(Unpickler=_TensorsOnly, load=pickle.load, __name__="pickle")
    try:
        refuse_program(path)
        # Only with mmap are files of before PyTorch 1.6 refused, parts of which are read by `load` above.
        loaded = torch.load(path, map_location="cpu", pickle_module=safe, weights_only=False, mmap=True)
    except MissingModel:
        raise
    except Exception as error:  # whatever a damaged file makes of unpickling
        raise MissingModel(f"{path} cannot be read as a checkpoint of PyTorch; fetch or copy it again.") from error
    state = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else None
    if not isinstance(state, dict) or not any(isinstance(value, Tensor) for value in state.values()):
        raise MissingModel(f"{path} is a checkpoint of PyTorch, but holds no named tensors.")
    return {str(name): value for name, value in state.items() if isinstance(value, Tensor)}


class _Nothing:
    """Placeholder for any other object in a pickle; accepts and discards whatever it is given."""

    def __new__(cls, *_: object, **__: object) -> _Nothing:
        return super().__new__(cls)

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __call__(self, *_: object, **__: object) -> _Nothing:
        return self

    def __setstate__(self, _: object) -> None:
        pass

    def __setitem__(self, _: object, __: object) -> None:
        pass

    def __hash__(self) -> int:
        return 0

    def append(self, _: object) -> None:
        """Ignore it."""

    def extend(self, _: object) -> None:
        """Ignore them."""

    def add(self, _: object) -> None:
        """Ignore it."""


class _TensorsOnly(pickle.Unpickler):
    """Unpickler that resolves only what tensors consist of."""

    _WANTED = {  # noqa: RUF012 - never written to
        ("collections", "OrderedDict"): collections.OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
        ("torch._utils", "_rebuild_parameter"): torch._utils._rebuild_parameter,
    }

    def find_class(self, module: str, name: str) -> Any:
        return self._WANTED.get((module, name), _Nothing)


def _encoder(state: State) -> State:
    """The image encoder's tensors under the names of diffusers."""
    found = {
        "uncond_vector": state["learnable_vector"],
        **{f"final_layer_norm.{part}": state[f"cond_stage_model.final_ln.{part}"] for part in ("weight", "bias")},
        **{f"proj_out.{part}": state[f"proj_out.{part}"] for part in ("weight", "bias")},
    }
    tower = "cond_stage_model.transformer."
    for name, value in state.items():
        if name.startswith(tower) and not name.endswith("position_ids"):
            found["model." + name.removeprefix(tower)] = value
        elif name.startswith(_MAPPER):
            number, _, rest = name.removeprefix(_MAPPER).partition(".")
            part, _, kind = rest.rpartition(".")
            names = _MAPPER_PARTS[part]
            for place, values in zip(names, value.chunk(len(names)), strict=True):
                found[f"mapper.blocks.{number}.{place}.{kind}"] = values
    return found
