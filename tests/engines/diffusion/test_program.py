"""``preparation=program``: the tensors of the published program, computed here from what is known of its steps."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

for _needed in ("torch", "diffusers", "transformers"):
    pytest.importorskip(_needed, reason="needs the extra 'diffusion': pip install '.[diffusion]'")
import torch
from PIL import Image as Pillow

from deidkit import plugins
from deidkit.protocols import Failure
from deidkit.testing.examples import hand_images, picture_without_hand, roi_images
from deidkit_engines.diffusion import sampling
from deidkit_engines.diffusion.program import part_of_program

BORDER = [0, 17, 13, 9, 5, 2]


def engine(folder: Path, **options):
    return plugins.create("engine", f"diffusion:{folder}", {"steps": 3, "preparation": "program", **options}).plugin


def square(low: np.ndarray, high: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """About the centre, capped by the picture's sides, shifted into it: left, top, right, bottom."""
    ends = np.array([shape[1], shape[0]], float)
    side = min((high - low).max(), ends.min())
    start = np.clip((low + high) / 2 - side / 2, 0, ends - side)
    return np.concatenate([start, start + side])


def small(pixels: np.ndarray, size: int) -> np.ndarray:
    return cv2.resize(pixels, (size, size))


def program_tensors(image, size: int, encoder: int, names: str) -> dict[str, torch.Tensor]:
    """The source in -1..1, the mask with 1 where it is kept, and the examples in 0..1."""
    hand, shape = image.hands[0], image.pixels.shape[:2]
    border = np.trunc(hand.keypoints[BORDER]).astype(int)
    left, top, right, bottom = square(hand.box[:2].astype(float), hand.box[2:].astype(float), shape).astype(int)
    polygon = cv2.fillConvexPoly(np.zeros(shape, np.uint8), border, 1)
    hands = cv2.morphologyEx(image.hand_mask().astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5)), iterations=2)
    palm = small((polygon * hands)[top:bottom, left:right], size)
    example = square(border.min(axis=0), border.max(axis=0), shape)
    middle, half = (example[:2] + example[2:]) / 2, (example[2] - example[0]) / 2
    shown = []
    for name in names.split("+"):
        reach = half * {"f": 1.0, "m": 0.5, "s": 0.1}[name]
        corners = [middle + reach * np.array(way) for way in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
        ends = np.array([(0, 0), (128, 0), (128, 128), (0, 128)], np.float32)
        warp = cv2.getPerspectiveTransform(np.array(corners, np.float32), ends)
        enlarged = Pillow.fromarray(small(cv2.warpPerspective(image.pixels, warp, (128, 128)), 512))
        shown.append(np.asarray(enlarged.resize((encoder, encoder))))
    return {
        "picture": torch.from_numpy(small(image.pixels[top:bottom, left:right], size)).permute(2, 0, 1) / 127.5 - 1,
        "keep": 1.0 - torch.from_numpy(palm).float(),
        "exemplars": torch.from_numpy(np.stack(shown)).movedim(-1, -3) / 255,
    }


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("alpha", [0.1, 0.0])
def test_every_tensor_is_the_programs(random_model: Path, number: int, alpha: float) -> None:
    image = hand_images()[number]
    made = engine(random_model, exemplars="s+m+f", alpha=alpha)
    model = made._painter.model
    scene = made._scene(image, part_of_program(image))
    expected = program_tensors(image, model.size, model.exemplar_size, "s+m+f")
    shown = torch.from_numpy(scene.exemplars).movedim(-1, -3) / 255
    for found, right in (
        (torch.from_numpy(scene.picture).permute(2, 0, 1) / 127.5 - 1, expected["picture"]),
        (1.0 - torch.from_numpy(scene.palm).float(), expected["keep"]),
        (shown, expected["exemplars"]),
    ):
        torch.testing.assert_close(found, right, rtol=0, atol=1e-4)

    settings = sampling.Settings(alpha, 3.0, 3, "plms", as_program=True)
    (encoded,) = made._painter.encode([scene], settings)
    noise = sampling.noise_of(model, 123)
    with torch.inference_mode():
        latents = []
        pictures = expected["picture"] * expected["keep"], expected["picture"]
        for picture, draw in zip(pictures, noise.draws[0], strict=True):
            found = model.vae.encode(picture[None]).latent_dist
            latents.append((found.mean + found.std * draw) * model.vae.config.scaling_factor)
        background = latents[1] * alpha + latents[0] * (1 - alpha)
        mean, std = (torch.tensor(value)[:, None, None] for value in (model.mean, model.std))
        embedded, _ = model.image_encoder((expected["exemplars"] - mean) / std, return_uncond_vector=True)
        keep = torch.nn.functional.interpolate(expected["keep"][None, None], (16, 16), mode="bilinear", antialias=True)
    torch.testing.assert_close(encoded.background.drawn(noise.draws), background, rtol=0, atol=1e-4)
    torch.testing.assert_close(encoded.condition[0, 0], embedded.mean(dim=0)[0], rtol=0, atol=1e-4)
    torch.testing.assert_close(encoded.mask, keep, rtol=0, atol=1e-4)


def test_the_picture_comes_back_as_in_the_program(random_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut off at whole grey levels, enlarged linearly, taken within the closed hand mask."""
    image = hand_images()[0]
    levels = (4 * torch.arange(64) + 0.7).repeat(64, 1)
    monkeypatch.setattr(sampling, "decode", lambda *_: (levels / 127.5 - 1).expand(1, 3, 64, 64))
    ((copy,),) = engine(random_model, paste="hand").deidentify([image], [0])
    left, top, right, bottom = square(*image.hands[0].box.astype(float).reshape(2, 2), image.pixels.shape).astype(int)
    painted = np.tile(np.arange(0, 256, 4, dtype=np.uint8)[None, :, None], (64, 1, 3))
    expected = image.pixels.copy()
    expected[top:bottom, left:right] = cv2.resize(painted, (right - left, bottom - top))
    closed = cv2.morphologyEx(image.hand_mask().astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5)), iterations=2)
    expected[closed == 0] = image.pixels[closed == 0]
    assert np.array_equal(copy, expected)


def test_the_start_is_the_programs_for_its_seed(random_model: Path) -> None:
    model = engine(random_model)._painter.model
    start = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(123))
    assert torch.equal(sampling.noise_of(model, 123).start, start)
    assert not torch.equal(sampling.noise_of(model, 123).draws[:, 0], start)


@pytest.mark.slow
def test_seeds_repeat_in_any_company(random_model: Path) -> None:
    images = [*hand_images()[:2], picture_without_hand(), roi_images()[0]]
    together = engine(random_model).deidentify(images, [1, 2])
    alone = [engine(random_model).deidentify([image], [2])[0][0] for image in images]
    for items, one in zip(together, alone, strict=True):
        if isinstance(one, Failure):
            assert all(isinstance(item, Failure) for item in items)
        else:
            assert np.array_equal(items[1], one)
            assert not np.array_equal(items[0], one)
