"""PKLNet learns, is trained by the command, and its weight files are held against it."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra 'deep': pip install '.[deep]'")

import torch
from click.testing import CliRunner

from deidkit import plugins
from deidkit.cli import main
from deidkit.errors import MissingModel
from deidkit.synthesis import HandGenerator
from deidkit_analyzers.pklnet.augmentation import varied
from deidkit_analyzers.pklnet.losses import classes, terms
from deidkit_analyzers.pklnet.plugin import EMBEDDED
from deidkit_analyzers.pklnet.training import PKLNetTrainer
from deidkit_networks.weights import load

TINY = "pklnet:height=64,channels=0.25,context=16,points=16,learning_rate=3e-3,schedule=cosine"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pklnet") / "trained"
    result = CliRunner().invoke(
        main,
        ["train", TINY, "--dataset", "synthetic:subjects=4,pictures=2,seed=77,width=150,height=200", "--batch", "4",
         "--held-out", "0.25", "--epochs", "2", "--output", str(folder)],
        catch_exceptions=False,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    return folder


@pytest.mark.slow
def test_the_command_writes_weights_that_say_what_they_are(trained: Path) -> None:
    weights = load(trained / "weights.safetensors", "pklnet")
    assert weights.settings == {"height": 64, "channels": [8, 16, 16, 16], "stem": 16, "context": 16, "points": 16}
    measures = {"iou_percent", "corner_error_percent", "refused_percent"}
    assert set(weights.card["held_out"]) == measures | {f"varied_{name}" for name in measures}
    for kind in ("segmenter", "roi_rule"):
        _, component = plugins.create(kind, f"pklnet:{trained / 'weights.safetensors'}")
        assert component.remark.startswith("given weights, trained on procedural palms")
        assert list(component.weights) == ["weights.safetensors"]


def kept(trainer: PKLNetTrainer, count: int) -> dict[str, torch.Tensor]:
    from deidkit.datasets.synthetic import Synthetic
    from deidkit.hand import HandAnalysis, ValleyRule
    from deidkit.hand.grabcut import GrabCut
    from deidkit.hand.mediapipe import MediaPipe
    from deidkit.training import Examples

    examples = Examples(
        Synthetic(subjects=count, pictures=1, seed=77, width=150, height=200),
        HandAnalysis(MediaPipe(), GrabCut(), ValleyRule()),
    )
    made = [trainer.keep(examples.read(sample, truth=True)) for sample in examples.samples]
    return {name: torch.from_numpy(np.stack([one[name] for one in made])) for name in made[0]}


@pytest.mark.slow
def test_a_toy_set_is_learned_by_heart() -> None:
    torch.manual_seed(0)
    trainer = PKLNetTrainer(height=64, channels=0.25, context=16, points=16, learning_rate=5e-3, schedule="cosine")
    pictures = kept(trainer, 4)
    module = trainer.build(4)
    optimizer = trainer.optimizer(module)
    batch = trainer.augment(pictures, torch.Generator().manual_seed(1))

    def measured() -> list[float]:
        with torch.no_grad():
            found = terms(module(batch["input"]), trainer.size, batch["mask"], batch["points"], batch["outlines"])
        return [float(term) for term in found]

    before = measured()
    for step in range(50):
        for group in optimizer.param_groups:
            group["lr"] = trainer.learning_rate * trainer.rate(step / 50)
        loss = trainer.loss(module, batch, torch.zeros(4), 0.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    after = measured()
    for name, start, end, share in zip(
        ("segmentation", "valleys", "outline", "centre"), before, after, (0.5, 0.2, 0.2, 0.3), strict=False
    ):
        assert end < share * start, (name, start, end)


def test_variation_depends_on_its_generator_alone_and_moves_truth_with_the_picture() -> None:
    trainer = PKLNetTrainer(height=96)
    pictures = kept(trainer, 3)
    one, same, other = (varied(pictures, trainer.size, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4))
    assert torch.equal(one.pictures, same.pictures) and torch.equal(one.points, same.points)
    assert not torch.equal(one.pictures, other.pictures)
    assert one.pictures.shape == (3, 3, 96, 72) and one.mask.shape == (3, 96, 72)
    for scene in (one, other):
        for mask, points, outlines in zip(scene.mask, scene.points, scene.outlines, strict=True):
            x, y = points[2].long().tolist()
            assert mask[y, x], "the centre of the palm is on the hand"
            band = classes(mask[None])[0] == 2
            ys, xs = np.nonzero(band.numpy())
            near = [np.hypot(xs + 0.5 - px, ys + 0.5 - py).min() for px, py in outlines.reshape(-1, 2).tolist()]
            assert np.median(near) < 1.5, "the outline's points are on the outline"


@pytest.mark.parametrize("kind", ["segmenter", "roi_rule"])
def test_wrong_weights_are_refused_in_one_sentence(kind: str, trained: Path, tmp_path: Path) -> None:
    good = trained / "weights.safetensors"
    cut, pickled = tmp_path / "cut.safetensors", tmp_path / "pickled.safetensors"
    cut.write_bytes(good.read_bytes()[:-1000])
    pickled.write_bytes(pickle.dumps({"weights": [1, 2, 3]}))
    other = Path(__file__).resolve().parents[2] / "recognizers/deidkit_recognizers/ccnet/weights.safetensors"
    for path, told in (
        (tmp_path / "absent.safetensors", "there is no weight file"),
        (cut, "cut off"),
        (pickled, "pickled checkpoint"),
        (other, "not of 'pklnet'"),
    ):
        if path is other and not other.is_file():
            continue
        with pytest.raises(MissingModel, match=told) as refused:
            plugins.create(kind, f"pklnet:{path}")
        assert len(str(refused.value).splitlines()) == 1


def test_embedded_weights_are_small_and_of_no_audits_population() -> None:
    assert EMBEDDED.stat().st_size < 4_000_000
    weights = load(EMBEDDED, "pklnet")
    assert "seed 1000" in weights.trained_on
    assert HandGenerator().seed == 0
