"""diffusers' blocks without what only training, other models and other versions need: the same numbers, bit for bit.

A small model spends a twentieth of its time on asking processors for their arguments, dividing by one, and copies.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everyone gives it

if TYPE_CHECKING:
    from diffusers import UNet2DConditionModel


def straightened(unet: UNet2DConditionModel) -> UNet2DConditionModel:
    """The U-Net, for inference alone, its blocks computing straight on; those of other kinds are left as they are."""
    from diffusers.models.attention_processor import Attention
    from diffusers.models.resnet import ResnetBlock2D

    for module in unet.modules():
        block: Any = module
        if isinstance(block, Attention):
            block.forward = partial(_attended, block)
        elif isinstance(block, ResnetBlock2D) and _is_plain(block):
            block.forward = partial(_residual, block)
    return unet


def _is_plain(block: Any) -> bool:
    return (
        block.upsample is None
        and block.downsample is None
        and block.time_emb_proj is not None
        and block.time_embedding_norm == "default"
        and not block.skip_time_act
        and isinstance(block.nonlinearity, nn.SiLU)
        and block.output_scale_factor == 1.0
    )


def _attended(
    attention: Any, hidden_states: Tensor, encoder_hidden_states: Tensor | None = None, attention_mask: None = None
) -> Tensor:
    found: Tensor = attention.processor(
        attention, hidden_states, encoder_hidden_states=encoder_hidden_states, attention_mask=attention_mask
    )
    return found


def _residual(block: Any, features: Tensor, moment: Tensor) -> Tensor:
    found = block.conv1(F.silu(block.norm1(features), inplace=True))
    found += block.time_emb_proj(F.silu(moment))[:, :, None, None]
    found = block.conv2(F.silu(block.norm2(found), inplace=True))
    found += features if block.conv_shortcut is None else block.conv_shortcut(features)
    result: Tensor = found
    return result
