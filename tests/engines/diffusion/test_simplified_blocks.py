"""Straightened blocks against diffusers' own."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

for _needed in ("torch", "diffusers", "transformers"):
    pytest.importorskip(_needed, reason="needs the extra 'diffusion': pip install '.[diffusion]'")
import torch
from diffusers import UNet2DConditionModel

from deidkit_engines.diffusion.simplified_blocks import enlarging_in_parts, simplified


@pytest.fixture(scope="module")
def unet(random_model: Path) -> UNet2DConditionModel:
    return UNet2DConditionModel.from_pretrained(random_model / "unet").eval().requires_grad_(False)


@pytest.mark.parametrize("tokens", [1, 3])
def test_a_simplified_network_gives_the_same_bits(unet: UNet2DConditionModel, tokens: int) -> None:
    simple = simplified(copy.deepcopy(unet))
    assert sum("forward" in vars(module) for module in simple.modules()) > 8
    drawn = torch.Generator().manual_seed(0)
    given, words = torch.randn(2, 9, 16, 16, generator=drawn), torch.randn(2, tokens, 16, generator=drawn)
    with torch.inference_mode():
        wanted, found = (net(given, 500, encoder_hidden_states=words).sample for net in (unet, simple))
    assert torch.equal(found, wanted)


def test_blocks_of_other_kinds_are_left_as_they_are(unet: UNet2DConditionModel) -> None:
    scaled = copy.deepcopy(unet)
    block = scaled.mid_block.resnets[0]
    block.output_scale_factor = 2.0
    simplified(scaled)
    assert "forward" not in vars(block)
    assert "forward" in vars(scaled.mid_block.resnets[1])


@pytest.mark.parametrize(("height", "width"), [(16, 16), (16, 24)])
def test_enlarging_in_parts_gives_the_same_numbers(unet: UNet2DConditionModel, height: int, width: int) -> None:
    quick = enlarging_in_parts(copy.deepcopy(unet))
    assert sum("forward" in vars(module) for module in quick.modules()) == 1
    drawn = torch.Generator().manual_seed(0)
    given, words = torch.randn(2, 9, height, width, generator=drawn), torch.randn(2, 1, 16, generator=drawn)
    with torch.inference_mode():
        wanted, found = (net(given, 500, encoder_hidden_states=words).sample for net in (unet, quick))
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    assert not torch.equal(found, wanted)  # else nothing would have been measured


def test_sizes_that_are_not_twice_are_enlarged_as_ever(unet: UNet2DConditionModel) -> None:
    quick = enlarging_in_parts(copy.deepcopy(unet))
    given, words = torch.ones(1, 9, 15, 15), torch.ones(1, 1, 16)
    with torch.inference_mode():
        wanted, found = (net(given, 500, encoder_hidden_states=words).sample for net in (unet, quick))
    assert torch.equal(found, wanted)
