"""SAM 2 as its authors publish it: one ``.pt`` file, read into transformers' port of the network, tensors only.

With equal random weights both give the same field to 8e-7 of its largest value (Hiera tiny, a square of 1024 pixels,
21 points), so that the package sam2 need not be there.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from deidkit.errors import MissingModel
from deidkit_networks.programs import refuse_program

_WINDOWS = {"window_size_per_stage": [8, 4, 14, 7]}
_SMALL = {"hidden_size": 96, "num_attention_heads": 1, "num_attention_heads_per_stage": [1, 2, 4, 8]} | _WINDOWS
_LARGE = {"num_attention_heads": 2, "num_attention_heads_per_stage": [2, 4, 8, 16]}
BACKBONES: dict[tuple[int, int], dict[str, Any]] = {
    (96, 12): _SMALL | {"blocks_per_stage": [1, 2, 7, 2], "global_attention_blocks": [5, 7, 9]},
    (96, 16): _SMALL | {"blocks_per_stage": [1, 2, 11, 2], "global_attention_blocks": [7, 10, 13]},
    (112, 24): _LARGE
    | _WINDOWS
    | {
        "hidden_size": 112,
        "blocks_per_stage": [2, 3, 16, 3],
        "global_attention_blocks": [12, 16, 20],
        "window_positional_embedding_background_size": [14, 14],
    },
    (144, 48): _LARGE
    | {
        "hidden_size": 144,
        "blocks_per_stage": [2, 6, 36, 4],
        "global_attention_blocks": [23, 33, 43],
        "window_size_per_stage": [8, 4, 16, 8],
    },
}
"""(channels, blocks) of the published sizes -> arguments of transformers' Sam2HieraDetConfig."""

_RENAMED = (
    ("^sam_prompt_encoder", "prompt_encoder"),
    ("^sam_mask_decoder", "mask_decoder"),
    (r"^image_encoder\.trunk\.", "vision_encoder.backbone."),
    (r"^image_encoder\.neck\.", "vision_encoder.neck."),
    (r"patch_embed\.proj", "patch_embed.projection"),
    ("^no_mem_embed", "no_memory_embedding"),
    (r"neck\.convs\.(\d)\.conv\.", r"neck.convs.\1."),
    (r"pe_layer\.positional_encoding_gaussian_matrix", "shared_embedding.positional_embedding"),
    (r"\.norm(\d|_final_attn)\.", r".layer_norm\1."),
    (r"^(vision_encoder\.backbone\..*mlp|mask_decoder\.transformer\..*mlp)\.layers\.0\.", r"\1.proj_in."),
    (r"^(vision_encoder\.backbone\..*mlp|mask_decoder\.transformer\..*mlp)\.layers\.1\.", r"\1.proj_out."),
    (r"mask_downscaling\.([036])\.", lambda found: f"mask_embed.conv{int(found[1]) // 3 + 1}."),
    (r"mask_downscaling\.([14])\.", lambda found: f"mask_embed.layer_norm{int(found[1]) // 3 + 1}."),
    (r"^(mask_decoder\..*)out_proj", r"\1o_proj"),
    (r"output_upscaling\.0\.", "upscale_conv1."),
    (r"output_upscaling\.1\.", "upscale_layer_norm."),
    (r"output_upscaling\.3\.", "upscale_conv2."),
    (r"(hypernetworks_mlps\.\d|prediction_head|score_head)\.layers\.0\.", r"\1.proj_in."),
    (r"(hypernetworks_mlps\.\d|prediction_head|score_head)\.layers\.1\.", r"\1.layers.0."),
    (r"(hypernetworks_mlps\.\d|prediction_head|score_head)\.layers\.2\.", r"\1.proj_out."),
)
"""Replacements, applied in order, from the authors' parameter names to transformers'."""


def network(path: Path) -> Any:
    """Load a checkpoint of the authors into transformers' Sam2Model.

    The parts that follow a mask through a film are left out.

    Raises:
        MissingModel: The file cannot be read, or is not a checkpoint of a published size of SAM 2.
    """
    from transformers import Sam2Config, Sam2HieraDetConfig, Sam2Model, Sam2VisionConfig

    state = _state(path)
    blocks = {name.split(".")[3] for name in state if name.startswith("image_encoder.trunk.blocks.")}
    channels = len(state.get("image_encoder.trunk.patch_embed.proj.weight", ()))
    if (channels, len(blocks)) not in BACKBONES:
        raise MissingModel(
            f"{path} is none of the published sizes of SAM 2: {channels} channels, {len(blocks)} blocks."
        )
    stages = [channels * 2**stage for stage in range(4)]
    backbone = Sam2HieraDetConfig(embed_dim_per_stage=stages, **BACKBONES[channels, len(blocks)])
    vision = Sam2VisionConfig(backbone_config=backbone, backbone_channel_list=stages[::-1])
    made = Sam2Model(Sam2Config(vision_config=vision))
    expected = made.state_dict()
    tensors = _renamed(state)
    for name in expected:
        if name not in tensors or tensors[name].shape != expected[name].shape:
            raise MissingModel(f"{path} is not a checkpoint of SAM 2: it has nothing of the right shape for {name}.")
    made.load_state_dict({name: tensors[name] for name in expected})
    return made


def _state(path: Path) -> dict[str, Tensor]:
    try:
        refuse_program(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except MissingModel:
        raise
    except Exception as error:  # unpickling a damaged file may raise anything
        raise MissingModel(f"{path} cannot be read as a checkpoint of SAM 2; fetch or copy it again.") from error
    state = loaded.get("model") if isinstance(loaded, dict) else None
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise MissingModel(f"{path} is not a checkpoint of SAM 2: it has no table 'model' of tensors.")
    return state


def _renamed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for name, tensor in state.items():
        for theirs, ours in _RENAMED:
            name = re.sub(theirs, ours, name)
        found[name] = tensor
    points = sorted(name for name in found if re.fullmatch(r"prompt_encoder\.point_embeddings\.\d\.weight", name))
    if points:
        found["prompt_encoder.point_embed.weight"] = torch.cat([found[name] for name in points])
    shared = "prompt_encoder.shared_embedding.positional_embedding"
    if shared in found:
        found["shared_image_embedding.positional_embedding"] = found[shared]
    return found
