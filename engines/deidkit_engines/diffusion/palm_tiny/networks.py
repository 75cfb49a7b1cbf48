"""The networks of palm-tiny: diffusers' own classes, small."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from deidkit_engines.diffusion.model import DESCRIPTION

if TYPE_CHECKING:
    from diffusers import AutoencoderKL, PNDMScheduler, UNet2DConditionModel
    from diffusers.pipelines.paint_by_example.image_encoder import PaintByExampleImageEncoder

SIZE = 192
"""Side of the hand's crop in pixels."""

FACTOR = 4
"""Pixels for one place of the latent, along one side."""

LATENT = SIZE // FACTOR
EXEMPLAR = 64
STEADY = 2.0
"""Constants that the autoencoder's last normalisations begin with."""

WIDTH = 64
"""Length of the one vector that says what the examples look like: too short to say where lines run."""

MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
"""CLIP's."""


def make_vae() -> AutoencoderKL:
    """AutoencoderKL, 192 x 192 x 3 to 48 x 48 x 4.

    The last normalisation of encoder and decoder divides by the picture's own contrast, which makes absolute colours
    slow to learn: a thousand steps leave skin off by ten grey levels. So two channels of each group begin with large
    constants of opposite sign, next to which the picture's contrast hardly matters, and the gain begins higher by as
    much; then it is six.
    """
    from diffusers import AutoencoderKL

    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(16, 32, 64),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=SIZE,
        mid_block_add_attention=False,
    )
    with torch.no_grad():
        for before, norm in (
            (vae.encoder.mid_block.resnets[-1].conv2, vae.encoder.conv_norm_out),
            (vae.decoder.up_blocks[-1].resnets[-1].conv2, vae.decoder.conv_norm_out),
        ):
            before.bias.view(norm.num_groups, -1)[:, :2] += torch.tensor([STEADY, -STEADY])
            norm.weight.fill_(2.0 * STEADY)
    return vae


def make_unet() -> UNet2DConditionModel:
    """UNet2DConditionModel with nine channels: noisy latent, background latent, mask."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=LATENT,
        in_channels=9,
        out_channels=4,
        block_out_channels=(32, 64, 96, 128),
        layers_per_block=1,
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
        norm_num_groups=8,
        down_block_types=("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
    )


def make_image_encoder() -> PaintByExampleImageEncoder:
    """PaintByExampleImageEncoder on a small CLIP vision tower."""
    from diffusers.pipelines.paint_by_example.image_encoder import PaintByExampleImageEncoder
    from transformers import CLIPVisionConfig

    config = CLIPVisionConfig(
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=4,  # fewer would leave no block for the mapper
        num_attention_heads=4,
        image_size=EXEMPLAR,
        patch_size=8,
        projection_dim=WIDTH,
    )
    return PaintByExampleImageEncoder(config, proj_size=WIDTH)


def make_schedule() -> PNDMScheduler:
    """The noise schedule of Stable Diffusion and Paint by Example.

    Unlike there, the network predicts the velocity (Salimans and Ho, arXiv 2202.00512): so a short training gets the
    skin's colour right, which the noise hardly tells at the first steps of the sampler.
    """
    from diffusers import PNDMScheduler

    return PNDMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        skip_prk_steps=True,
        steps_offset=1,
    )


def write(
    folder: Path,
    unet: UNet2DConditionModel,
    vae: AutoencoderKL,
    image_encoder: PaintByExampleImageEncoder,
    trained_on: str,
) -> list[Path]:
    """Write a whole model in diffusers' format, in float16."""
    for network, part in ((unet, "unet"), (vae, "vae"), (image_encoder, "image_encoder")):
        network.half().save_pretrained(folder / part)
        config = folder / part / "config.json"
        values = json.loads(config.read_text())
        values.pop("_name_or_path", None)  # where it lay on the machine that made it
        config.write_text(json.dumps(values, indent=1, sort_keys=True))
    make_schedule().save_pretrained(folder / "scheduler")
    extractor = {
        "crop_size": {"height": EXEMPLAR, "width": EXEMPLAR},
        "image_mean": MEAN,
        "image_processor_type": "CLIPImageProcessor",
        "image_std": STD,
        "size": {"shortest_edge": EXEMPLAR},
    }
    (folder / "feature_extractor").mkdir(parents=True, exist_ok=True)
    (folder / "feature_extractor" / "preprocessor_config.json").write_text(json.dumps(extractor, indent=1))
    (folder / DESCRIPTION).write_text(json.dumps({"name": "palm-tiny", "trained_on": trained_on}, indent=1))
    return [folder]
