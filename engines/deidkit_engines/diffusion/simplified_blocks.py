"""diffusers' blocks without what only training, other models and other versions need.

A small model spends a twentieth of its time on asking processors for their arguments, dividing by one, and copies.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everyone gives it

if TYPE_CHECKING:
    from diffusers import UNet2DConditionModel


def simplified(unet: UNet2DConditionModel) -> UNet2DConditionModel:
    """The U-Net, for inference alone, its blocks simplified; those of other kinds are left as they are.

    The numbers are the same, bit for bit.
    """
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


def enlarging_in_parts(unet: UNet2DConditionModel) -> UNet2DConditionModel:
    """Remove redundant products from a U-Net's upsampling, for float32 inference; results are equal up to rounding.

    After nearest-neighbour upsampling by two, a 3 x 3 convolution covers only 2 x 2 different positions of the smaller
    picture for each output pixel, which needs four ninths of the products.
    """
    from diffusers.models.upsampling import Upsample2D

    for module in unet.modules():
        block: Any = module
        if isinstance(block, Upsample2D) and _repeats(block):
            block.forward = partial(_enlarged, block, *_parts(block.conv))
    return unet


def _repeats(block: Any) -> bool:
    convolution = getattr(block, "conv", None)
    return (
        isinstance(convolution, nn.Conv2d)
        and block.interpolate
        and block.norm is None
        and (convolution.kernel_size, convolution.padding, convolution.stride) == ((3, 3), (1, 1), (1, 1))
        and convolution.weight.dtype == torch.float32
    )


def _parts(convolution: nn.Conv2d) -> tuple[Tensor, Tensor | None]:
    """Weights (4 c, c', 2, 2) and bias (4 c,) for the upper left, upper right, lower left and lower right places."""
    weights, bias = convolution.weight, convolution.bias
    rows = [
        torch.stack(part, dim=2)
        for first, second, third in [weights.unbind(dim=2)]
        for part in ([first, second + third], [first + second, third])
    ]
    parts = [
        torch.stack(part, dim=3)
        for row in rows
        for first, second, third in [row.unbind(dim=3)]
        for part in ([first, second + third], [first + second, third])
    ]
    joined = torch.cat(parts).contiguous(memory_format=torch.channels_last)
    return joined, None if bias is None else bias.repeat(4)


def _enlarged(
    block: Any, weights: Tensor, bias: Tensor | None, features: Tensor, output_size: int | None = None
) -> Tensor:
    if output_size is not None:
        usual: Tensor = type(block).forward(block, features, output_size)
        return usual
    height, width = features.shape[2:]
    parts = F.conv2d(features, weights, bias, padding=1).chunk(4, dim=1)
    found = torch.empty(
        (len(features), parts[0].shape[1], 2 * height, 2 * width),
        dtype=features.dtype,
        device=features.device,
        memory_format=torch.channels_last,
    )
    for number, part in enumerate(parts):
        row, column = divmod(number, 2)
        found[:, :, row::2, column::2] = part[:, :, row : row + height, column : column + width]
    return found
