"""SAM 2's own checkpoints, and the port of transformers held against the package sam2 with equal random weights."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

for _needed in ("torch", "transformers"):
    pytest.importorskip(_needed, reason="needs the extra 'diffusion': pip install '.[diffusion]'")
import torch

from deidkit import plugins
from deidkit.errors import MissingModel
from deidkit.testing import hand_images

SIZES = {"tiny": "t", "small": "s", "base_plus": "b+", "large": "l"}


def built(size: str):
    """The authors' network with random weights."""
    build = pytest.importorskip("sam2.build_sam", reason="needs the package sam2, in an environment with torchvision")
    torch.manual_seed(1)
    network = build.build_sam2(f"configs/sam2.1/sam2.1_hiera_{SIZES[size]}.yaml", None, device="cpu")
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                parameter.normal_(0, 0.02)
    return network


def saved(network, path: Path) -> Path:
    torch.save({"model": network.state_dict()}, path)
    return path


@pytest.mark.filterwarnings("ignore:.*jit.*:FutureWarning", "ignore:.*jit.*:DeprecationWarning")
def test_the_mask_is_that_of_the_authors_package(tmp_path: Path) -> None:
    network = built("tiny")
    from sam2.sam2_image_predictor import SAM2ImagePredictor

    segmenter, component = plugins.create("segmenter", f"sam2:{saved(network, tmp_path / 'sam2.1_hiera_tiny.pt')}")
    assert list(component.weights) == ["sam2.1_hiera_tiny.pt"]
    image = hand_images()[0]
    hand = image.hands[0]
    predictor = SAM2ImagePredictor(network)
    predictor.set_image(image.pixels.copy())
    fields, _, _ = predictor.predict(hand.keypoints, np.ones(21, np.int32), multimask_output=False, return_logits=True)
    made = segmenter._field(image.pixels, hand.keypoints).numpy()
    assert np.abs(fields[0]).max() > 1e-3
    np.testing.assert_allclose(made, fields[0], atol=1e-3 * np.abs(fields[0]).max())
    closed = cv2.morphologyEx((fields[0] > 0).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5)), iterations=2)
    assert (segmenter.segment(image.pixels, hand) == closed).mean() > 0.999


@pytest.mark.parametrize("size", ["small", "base_plus", "large"])
def test_every_published_size_is_read(size: str, tmp_path: Path) -> None:
    network = built(size)
    segmenter = plugins.create("segmenter", f"sam2:{saved(network, tmp_path / 'sam2.pt')}").plugin
    found = segmenter._network.vision_encoder.backbone.blocks
    assert [block.window_size for block in found] == [block.window_size for block in network.image_encoder.trunk.blocks]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"model": {"image_encoder.trunk.patch_embed.proj.weight": torch.zeros(7, 3, 7, 7)}}, "none of the published"),
        ({"state_dict": {}}, "no table 'model'"),
        ({"model": Path}, "cannot be read"),
    ],
)
def test_what_is_no_checkpoint_is_refused(content, told: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(MissingModel, match=told):
        plugins.create("segmenter", f"sam2:{tmp_path / 'other.pt'}")
