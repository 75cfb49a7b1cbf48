"""Straightened blocks against diffusers' own."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

for _needed in ("torch", "diffusers", "transformers"):
    pytest.importorskip(_needed, reason="needs the extra 'diffusion': pip install '.[diffusion]'")
import torch
from diffusers import UNet2DConditionModel

from deidkit_engines.diffusion.straight import straightened


@pytest.fixture(scope="module")
def unet(random_model: Path) -> UNet2DConditionModel:
    return UNet2DConditionModel.from_pretrained(random_model / "unet").eval().requires_grad_(False)


@pytest.mark.parametrize("tokens", [1, 3])
def test_a_straight_network_gives_the_same_bits(unet: UNet2DConditionModel, tokens: int) -> None:
    straight = straightened(copy.deepcopy(unet))
    assert sum("forward" in vars(module) for module in straight.modules()) > 8
    drawn = torch.Generator().manual_seed(0)
    given, words = torch.randn(2, 9, 16, 16, generator=drawn), torch.randn(2, tokens, 16, generator=drawn)
    with torch.inference_mode():
        wanted, found = (net(given, 500, encoder_hidden_states=words).sample for net in (unet, straight))
    assert torch.equal(found, wanted)


def test_blocks_of_other_kinds_are_left_as_they_are(unet: UNet2DConditionModel) -> None:
    scaled = copy.deepcopy(unet)
    block = scaled.mid_block.resnets[0]
    block.output_scale_factor = 2.0
    straightened(scaled)
    assert "forward" not in vars(block)
    assert "forward" in vars(scaled.mid_block.resnets[1])
