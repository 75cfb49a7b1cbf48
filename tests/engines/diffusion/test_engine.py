"""The diffusion engine on pictures."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

for _needed in ("torch", "diffusers", "transformers"):
    pytest.importorskip(_needed, reason="needs the extra 'diffusion': pip install '.[diffusion]'")

import torch

from deidkit import plugins
from deidkit.errors import Interruption, MissingModel, SampleError, UsageError
from deidkit.protocols import Failure, Hand
from deidkit.testing import EngineConformance
from deidkit.testing.examples import hand_images, picture_without_hand, roi_images
from deidkit_engines.diffusion.geometry import Square, regions
from deidkit_engines.diffusion.model import load


def engine(folder: Path, **options):
    return plugins.create("engine", f"diffusion:{folder}", {"steps": 3, **options})[0]


@pytest.mark.slow
class TestConformance(EngineConformance):
    plugin = "diffusion"

    @pytest.fixture
    def spec(self, random_model: Path) -> str:
        return f"diffusion:weights={random_model},steps=2"


@pytest.mark.parametrize("paste", ["hand", "palm"])
def test_outside_of_what_is_pasted_nothing_changes(random_model: Path, paste: str) -> None:
    images = hand_images()[:3]
    for image, (output,) in zip(images, engine(random_model, paste=paste).deidentify(images, [7]), strict=True):
        palm = image.palm_mask()
        inside = palm if paste == "palm" else image.hand_mask()
        assert np.array_equal(output[~inside], image.pixels[~inside])
        if paste == "hand":
            assert (output[inside & ~palm] != image.pixels[inside & ~palm]).any(axis=-1).mean() > 0.9
        assert (output[palm] != image.pixels[palm]).any(axis=-1).mean() > 0.9


def test_seeds_differ_and_repeat(random_model: Path) -> None:
    image = hand_images()[0]
    (one, two), (again,) = (engine(random_model).deidentify([image], seeds)[0] for seeds in ([1, 2], [1]))
    assert np.array_equal(one, again)
    palm = image.palm_mask()
    assert np.abs(one[palm].astype(int) - two[palm]).mean() > 1


def test_a_whole_palm_region_is_repainted(random_model: Path) -> None:
    image = roi_images()[0]
    ((output,),) = engine(random_model).deidentify([image], [0])
    assert output.shape == image.pixels.shape
    assert (output != image.pixels).any(axis=-1).mean() > 0.9


def test_no_hand_is_a_failure_and_the_others_go_on(random_model: Path) -> None:
    outputs = engine(random_model).deidentify([picture_without_hand(), hand_images()[0]], [0, 1])
    assert all(isinstance(item, Failure) for item in outputs[0])
    assert all(isinstance(item, np.ndarray) for item in outputs[1])


class Several:
    """A picture with the hands that are put into it."""

    def __init__(self, image, shifts: list[int]) -> None:
        width = image.pixels.shape[1]
        self.sample = image.sample
        self.palm = image.palm
        self.pixels = np.concatenate([image.pixels] * len(shifts), axis=1)
        hand = image.hands[0]
        self.hands = [
            Hand(
                hand.box + np.array([place * width, 0, place * width, 0], np.float32),
                hand.keypoints + np.array([place * width, 0], np.float32),
                None,
                hand.handedness,
                hand.score,
            )
            for place in shifts
        ]
        self._palm = np.concatenate([image.palm_mask()] * len(shifts), axis=1)
        self._mask = np.concatenate([image.hand_mask()] * len(shifts), axis=1)

    def hand_mask(self):
        return self._mask

    def palm_mask(self):
        return self._palm


def test_every_hand_is_repainted(random_model: Path) -> None:
    image = Several(hand_images()[0], [0, 1])
    parts = regions(image)
    assert len(parts) == 2
    assert not (parts[0].paste & parts[1].palm).any()
    ((output,),) = engine(random_model).deidentify([image], [3])
    palm = image.palm_mask()
    assert (output[palm] != image.pixels[palm]).any(axis=-1).mean() > 0.9
    outside = ~image.hand_mask()
    assert np.array_equal(output[outside], image.pixels[outside])


def test_a_hand_cut_by_the_border(random_model: Path) -> None:
    image = hand_images()[0]
    rows = image.pixels.shape[0] * 2 // 3
    cut = Several(image, [0])
    cut.pixels, cut._palm, cut._mask = image.pixels[-rows:], image.palm_mask()[-rows:], image.hand_mask()[-rows:]
    offset = np.float32(image.pixels.shape[0] - rows)
    hand = image.hands[0]
    cut.hands = [
        Hand(hand.box - [0, offset, 0, offset], hand.keypoints - [0, offset], None, hand.handedness, hand.score)
    ]
    ((output,),) = engine(random_model).deidentify([cut], [3])
    assert output.shape == cut.pixels.shape
    outside = ~cut.hand_mask()
    assert np.array_equal(output[outside], cut.pixels[outside])


def test_squares_may_reach_over_the_border() -> None:
    pixels = np.arange(5 * 4, dtype=np.uint8).reshape(5, 4)
    assert np.array_equal(Square(1, 2, 2).cut(pixels, 2), pixels[2:4, 1:3])
    corner = Square(-2, -2, 4).cut(pixels, 4)
    assert np.array_equal(corner[2:, 2:], pixels[:2, :2])
    assert (corner[:2, :2] == pixels[0, 0]).all()


@pytest.mark.parametrize(("palm", "keypoints"), [("paper", [0, 1, 2, 5, 9, 13, 17]), ("program", [0, 17, 13, 9, 5, 2])])
def test_examples_share_a_centre_and_have_the_published_sides(palm: str, keypoints: list[int]) -> None:
    image = replace(hand_images()[0], palm=palm)
    (part,) = regions(image)
    side = part.full.side
    border = image.hands[0].keypoints[keypoints]
    extent = (border.max(axis=0) - border.min(axis=0)).max()
    assert side == pytest.approx(extent, abs=2)
    for name in ("f", "m", "s"):
        assert part.exemplar(image.pixels, name, 224).shape == (224, 224, 3)


@pytest.mark.parametrize("exemplars", ["x", "s+", "s+s", ""])
def test_unknown_exemplars_are_refused(random_model: Path, exemplars: str) -> None:
    with pytest.raises(UsageError, match="s, m, f"):
        engine(random_model, exemplars=exemplars)


@pytest.mark.parametrize("part", ["unet", "vae", "image_encoder", "scheduler", "feature_extractor"])
def test_a_missing_part_is_named(random_model: Path, tmp_path: Path, part: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(random_model, folder)
    shutil.rmtree(folder / part)
    with pytest.raises(MissingModel, match=f"no folder {part}"):
        engine(folder)


def test_damaged_weights_are_named(random_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(random_model, folder)
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(MissingModel, match=r"unet cannot be loaded") as told:
        engine(folder)
    assert "\n" not in str(told.value)


def test_a_folder_as_the_hub_has_it(random_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pickled tensors, names of former versions, settings of former versions; an older torch."""
    import torch
    import transformers.modeling_utils
    from safetensors.torch import load_file

    folder = tmp_path / "model"
    shutil.copytree(random_model, folder)
    given = {}
    for part, name in (
        ("unet", "diffusion_pytorch_model"),
        ("vae", "diffusion_pytorch_model"),
        ("image_encoder", "model"),
    ):
        file = folder / part / f"{name}.safetensors"
        given[part] = load_file(file)
        file.unlink()
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    vae = {
        next((k.replace(new, was) for new, was in old.items() if f"attentions.0.{new}." in k), k): v
        for k, v in given["vae"].items()
    }
    assert any("proj_attn" in name for name in vae)
    encoder = given["image_encoder"] | {"model.vision_model.embeddings.position_ids": torch.arange(17)[None]}
    torch.save(given["unet"], folder / "unet/diffusion_pytorch_model.bin")
    torch.save(vae, folder / "vae/diffusion_pytorch_model.bin")
    torch.save(encoder, folder / "image_encoder/pytorch_model.bin")
    extractor = {"crop_size": 32, "size": 32, "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "do_resize": True}
    (folder / "feature_extractor/preprocessor_config.json").write_text(json.dumps(extractor))

    def refuse() -> None:
        raise ValueError("upgrade torch to at least v2.6")

    monkeypatch.setattr(transformers.modeling_utils, "check_torch_load_is_safe", refuse)
    loaded = load(folder)
    for part, tensors in given.items():
        found = getattr(loaded, part).state_dict()
        assert found.keys() == tensors.keys()
        assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())


@pytest.mark.parametrize(
    ("file", "tensor"),
    [
        ("image_encoder/model.safetensors", "uncond_vector"),
        ("unet/diffusion_pytorch_model.safetensors", "conv_in.weight"),
        ("vae/diffusion_pytorch_model.safetensors", "quant_conv.bias"),
    ],
)
def test_a_model_that_lacks_a_tensor_is_refused(random_model: Path, tmp_path: Path, file: str, tensor: str) -> None:
    """Else it would be filled in with random numbers."""
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "model"
    shutil.copytree(random_model, folder)
    tensors = load_file(folder / file)
    del tensors[tensor]
    save_file(tensors, folder / file, metadata={"format": "pt"})
    with pytest.raises(MissingModel, match=f"{file.partition('/')[0]} lacks 1 of the network's tensors.* {tensor}"):
        engine(folder)


def test_an_engine_that_is_stopped_paints_no_more(random_model: Path) -> None:
    stopped = engine(random_model)
    stopped.stop()
    with pytest.raises(Interruption):
        stopped.deidentify(hand_images()[:1], [0])
    ((output,),) = engine(random_model).deidentify(
        hand_images()[:1], [0]
    )  # others go on, though they share the networks
    assert isinstance(output, np.ndarray)


def test_an_engine_can_be_stopped_between_steps(random_model: Path) -> None:
    stopped = engine(random_model, steps=999)
    image = hand_images()[0]
    with ThreadPoolExecutor(1) as pool:
        painting = pool.submit(stopped.deidentify, [image], [0])
        while not stopped._painter.lock.locked():
            assert not painting.done(), "it was over before it could be stopped"
        stopped.stop()
        assert isinstance(painting.exception(), Interruption)


@pytest.mark.slow
def test_pictures_are_the_same_on_one_core_and_on_several(random_model: Path) -> None:
    images, several = hand_images()[:3], torch.get_num_threads()
    painter = engine(random_model)
    assert painter._painter.is_parallel
    made = []
    for threads in (1, 3):
        torch.set_num_threads(threads)
        try:
            made.append(painter.deidentify(images, [0, 1]))
        finally:
            torch.set_num_threads(several)
    for one, other in zip(*made, strict=True):
        assert np.array_equal(np.stack(one), np.stack(other))


def test_what_is_no_number_makes_no_picture(random_model: Path, tmp_path: Path) -> None:
    """It would come out black, and so as perfectly de-identified."""
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "model"
    shutil.copytree(random_model, folder)
    file = folder / "unet/diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    tensors["conv_out.bias"][0] = torch.nan
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(SampleError, match="not numbers"):
        engine(folder).deidentify(hand_images()[:1], [0])


def test_settings_of_one_ablation_share_the_networks(random_model: Path) -> None:
    one, other = engine(random_model, alpha=0.1), engine(random_model, alpha=0.3, exemplars="f")
    assert one._painter is other._painter
    assert engine(random_model, precision="bfloat16")._painter is not one._painter


def test_the_report_learns_the_weights(random_model: Path) -> None:
    _, component = plugins.create("engine", f"diffusion:{random_model}")
    assert set(component.weights) == {
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
        "image_encoder/model.safetensors",
    }
    assert component.remark
    assert component.options["device"] in ("CPU", *gpus())
    assert component.options["precision"] == ("float32" if component.options["device"] == "CPU" else "float16")


def gpus() -> list[str]:
    return [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
