"""SAM 2 as a segmenter, with a small random network: what it is shown, and what is made of its answer."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

for _needed in ("torch", "transformers"):
    pytest.importorskip(_needed, reason="needs the extra 'diffusion': pip install '.[diffusion]'")
import torch
from click.testing import CliRunner
from PIL import Image as Pillow

from deidkit import plugins
from deidkit.cli import main
from deidkit.errors import MissingModel, SampleError
from deidkit.testing import hand_images

SIDE = 128


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Sam2Model on disk."""
    from transformers import (
        Sam2Config,
        Sam2HieraDetConfig,
        Sam2MaskDecoderConfig,
        Sam2Model,
        Sam2PromptEncoderConfig,
        Sam2VisionConfig,
    )

    backbone = Sam2HieraDetConfig(
        hidden_size=12,
        num_attention_heads=1,
        image_size=[SIDE, SIDE],
        window_positional_embedding_background_size=[7, 7],
        blocks_per_stage=[1, 2, 1, 1],
        embed_dim_per_stage=[12, 24, 48, 96],
        num_attention_heads_per_stage=[1, 2, 4, 8],
        window_size_per_stage=[8, 4, 14, 7],
        global_attention_blocks=[2],
    )
    config = Sam2Config(
        vision_config=Sam2VisionConfig(
            backbone_config=backbone,
            backbone_channel_list=[96, 48, 24, 12],
            backbone_feature_sizes=[[32, 32], [16, 16], [8, 8]],
            fpn_hidden_size=32,
        ),
        prompt_encoder_config=Sam2PromptEncoderConfig(
            hidden_size=32, image_size=SIDE, patch_size=16, mask_input_channels=8
        ),
        mask_decoder_config=Sam2MaskDecoderConfig(
            hidden_size=32, mlp_dim=64, num_attention_heads=4, iou_head_hidden_dim=32
        ),
    )
    torch.manual_seed(3)
    place = tmp_path_factory.mktemp("sam2")
    Sam2Model(config).save_pretrained(place)
    return place


def segmenter(folder: Path):
    return plugins.create("segmenter", f"sam2:{folder}")


@pytest.mark.slow
def test_the_mask_is_the_networks_own(folder: Path) -> None:
    from transformers import Sam2Model

    made, component = segmenter(folder)
    assert list(component.weights) == ["model.safetensors"]
    image = hand_images()[0]
    hand = image.hands[0]
    height, width = image.pixels.shape[:2]
    mask = made.segment(image.pixels, hand)
    network = Sam2Model.from_pretrained(folder).eval()
    small = Pillow.fromarray(image.pixels).resize((SIDE, SIDE), Pillow.Resampling.BILINEAR)
    given = (np.asarray(small) / 255 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    with torch.no_grad():
        told = network(
            pixel_values=torch.from_numpy(given).float().permute(2, 0, 1)[None],
            input_points=torch.from_numpy(hand.keypoints / (width, height) * SIDE).float()[None, None],
            input_labels=torch.ones((1, 1, 21), dtype=torch.int64),
            multimask_output=False,
        ).pred_masks
    field = cv2.resize(told[0, 0, 0].numpy(), (width, height), interpolation=cv2.INTER_LINEAR)
    closed = cv2.morphologyEx((field > 0).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5)), iterations=2) > 0
    assert 0.02 < closed.mean() < 0.98, "a random network that says something"
    assert (mask == closed).mean() > 0.995  # Pillow rounds to whole grey levels


def test_the_keypoints_are_what_it_is_asked_by(folder: Path) -> None:
    made, _ = segmenter(folder)
    image = hand_images()[0]
    hand = image.hands[0]
    mask = made.segment(image.pixels, hand)
    assert (made.segment(image.pixels, hand) == mask).all()
    beyond = hand.keypoints.copy()
    beyond[4:] = -50
    assert (made.segment(image.pixels, replace(hand, keypoints=beyond)) != mask).any()
    with pytest.raises(SampleError, match="outside"):
        made.segment(image.pixels, replace(hand, keypoints=hand.keypoints - 10_000))


def test_a_folder_without_a_network_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingModel, match=r"holds no Sam2Model"):
        segmenter(tmp_path)


def test_a_network_with_parts_missing_is_refused(folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    tensors.pop("no_memory_embedding")
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    with pytest.raises(MissingModel, match="no_memory_embedding"):
        segmenter(tmp_path)


@pytest.mark.slow
def test_an_audit_says_which_network_separated_the_hands(folder: Path, tmp_path: Path) -> None:
    command = ["audit", "--dataset", "synthetic:2", "--engine", "mask", "--recognizer", "compcode"]
    command += ["--segmenter", f"sam2:{folder}", "--output", str(tmp_path / "out"), "--format", "json"]
    result = CliRunner().invoke(main, command, catch_exceptions=False)
    assert result.exit_code in (0, 1), result.output  # what a random network calls a palm need not be the palm
    told = json.loads((tmp_path / "out/report.json").read_text())
    (used,) = [part for part in told["hand_analysis"] if part["kind"] == "segmenter"]
    assert used["name"] == "sam2" and used["weights"]["model.safetensors"]
