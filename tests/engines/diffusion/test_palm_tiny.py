"""palm-tiny: the recipe works from beginning to end, and the embedded weights are what they say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

for _needed in ("torch", "diffusers", "transformers"):
    pytest.importorskip(_needed, reason="needs the extra 'diffusion': pip install '.[diffusion]'")
from click.testing import CliRunner
from PIL import Image

from deidkit import models, plugins
from deidkit.cli import main
from deidkit.testing.examples import hand_images
from deidkit_engines.diffusion.engine import EMBEDDED
from deidkit_engines.diffusion.model import load

DATA = "synthetic:subjects=4,pictures=2,seed=77,width=150,height=200"


def train(network: str, folder: Path, *more: str) -> str:
    command = [
        "train",
        network,
        "--dataset",
        DATA,
        "--output",
        str(folder),
        "--batch",
        "4",
        "--held-out",
        "0.25",
        *more,
    ]
    result = CliRunner().invoke(main, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.slow
def test_the_recipe_makes_a_model_that_paints(tmp_path: Path) -> None:
    train("palm-tiny-vae", tmp_path / "vae", "--epochs", "1")
    scale = json.loads((tmp_path / "vae/vae/config.json").read_text())["scaling_factor"]
    assert scale != 0.18215, "the latents' own scale is noted, not Stable Diffusion's"
    train(f"palm-tiny:vae={tmp_path / 'vae/vae'}", tmp_path / "tiny", "--epochs", "2")
    engine, component = plugins.create("engine", f"diffusion:{tmp_path / 'tiny/model'}", {"steps": 2})
    assert "trained on procedural palms" in component.remark
    image = hand_images()[0]
    ((output,),) = engine.deidentify([image], [0])
    assert output.shape == image.pixels.shape


def test_a_missing_autoencoder_is_named(tmp_path: Path) -> None:
    command = ["train", "palm-tiny:vae=nowhere", "--dataset", DATA, "--output", str(tmp_path / "tiny")]
    result = CliRunner().invoke(main, command, catch_exceptions=False)
    assert result.exit_code == 2
    assert "deidkit train palm-tiny-vae" in result.output


def test_the_embedded_model_is_small_and_says_what_it_is() -> None:
    assert sum(path.stat().st_size for path in EMBEDDED.rglob("*") if path.is_file()) < 15e6
    model = load(EMBEDDED)
    assert model.unet.config.in_channels == 9
    assert model.size == 192
    assert model.name == "palm-tiny"
    assert model.trained_on.startswith("procedural palms")
    card = (EMBEDDED / "MODEL_CARD.md").read_text()
    assert model.trained_on in card


@pytest.fixture(scope="module")
def painted():
    engine, _ = plugins.create("engine", "diffusion:palm-tiny,steps=20,scheduler=dpm++")
    images = hand_images()[:2]
    return images, engine.deidentify(images, [0, 1])


@pytest.mark.slow
def test_palms_keep_their_colour_and_lose_their_lines(painted) -> None:
    images, outputs = painted
    for image, copies in zip(images, outputs, strict=True):
        palm = image.palm_mask()
        before = image.pixels[palm].astype(float)
        for copy in copies:
            after = copy[palm].astype(float)
            assert np.abs(after.mean(axis=0) - before.mean(axis=0)).max() < 20
            lines = [values - values.mean(axis=0) for values in (before, after)]
            alike = (lines[0] * lines[1]).sum() / np.sqrt((lines[0] ** 2).sum() * (lines[1] ** 2).sum())
            assert alike < 0.8


def test_seeds_paint_different_palms(painted) -> None:
    images, outputs = painted
    for image, (one, other) in zip(images, outputs, strict=True):
        palm = image.palm_mask()
        assert np.abs(one[palm].astype(int) - other[palm]).mean() > 1


def test_nothing_but_the_palm_changes(painted) -> None:
    """Its crop is too coarse for fingers."""
    images, outputs = painted
    for image, copies in zip(images, outputs, strict=True):
        outside = ~image.palm_mask()
        assert all(np.array_equal(copy[outside], image.pixels[outside]) for copy in copies)


class TestWithoutTheWeightsOfPaintByExample:
    @pytest.fixture(autouse=True)
    def not_fetched(self) -> None:
        if models.recorded("paint-by-example") is not None:
            pytest.skip("Paint by Example is fetched here")

    def test_pictures_for_use_are_refused(self, tmp_path: Path) -> None:
        save(tmp_path / "in/hand.png")
        result = deidentify(tmp_path, "diffusion")
        assert result.exit_code == 2
        (sentence,) = result.stderr.splitlines()
        assert all(word in sentence for word in ("models fetch paint-by-example", "resynth", "diffusion:palm-tiny"))
        assert not list(tmp_path.glob("out/*.png"))

    def test_the_stand_in_paints_where_it_is_asked_for_by_name(self, tmp_path: Path) -> None:
        save(tmp_path / "in/hand.png")
        result = deidentify(tmp_path, "diffusion:palm-tiny,steps=2")
        assert result.exit_code == 0, result.stderr
        assert "a test model" in result.stderr
        assert list(tmp_path.glob("out/*.png"))

    @pytest.mark.slow
    def test_an_audit_says_first_what_paints_and_names_it_in_every_table(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        data = "synthetic:3,pictures=2,width=150,height=200"
        command = [
            "audit",
            "--dataset",
            data,
            "--engine",
            "diffusion:steps=2",
            "--engine",
            "mask",
            "--recognizer",
            "compcode",
        ]
        result = CliRunner().invoke(main, [*command, "--format", "json", "--quiet"], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        assert result.stderr.startswith("diffusion: its weights are not here (deidkit models fetch paint-by-example)")
        assert "diffusion (palm-tiny, steps=2)" in result.stdout
        assert re.search("mask: its palms have [0-5] % of the originals' fine texture", " ".join(result.stdout.split()))


def save(path: Path) -> None:
    path.parent.mkdir()
    Image.fromarray(hand_images()[0].pixels).save(path)


def deidentify(folder: Path, engine: str):
    command = ["deidentify", str(folder / "in"), str(folder / "out"), "--engine", engine, "--kind", "roi", "--quiet"]
    return CliRunner().invoke(main, command, catch_exceptions=False)
