"""ROI-LAnet + EE-PRnet: published shapes, the spline, the palm's points, and the embedded weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'deep': pip install '.[deep]'")

from deidkit import plugins
from deidkit.errors import MissingModel, SampleError, UsageError
from deidkit.protocols import Hand
from deidkit.synthesis import HandGenerator
from deidkit.testing import RecognizerConformance
from deidkit.testing.examples import hand_images, picture_without_hand
from deidkit_networks.weights import Weights, save
from deidkit_recognizers.eeprnet.framing import SIZE, frame, palm_points
from deidkit_recognizers.eeprnet.network import CONTROL, EEPRnet, Shape, prepared, spline_grid, unit_length
from deidkit_recognizers.eeprnet.training import EEPRnetTrainer


def random_weights(folder: Path) -> Path:
    """The network brings no weights: what is tested here holds for any."""
    torch.manual_seed(0)
    network = EEPRnet(Shape(4, 16, 32))
    path = folder / "weights.safetensors"
    save(path, Weights("eeprnet", network.shape.values(), "nothing", dict(network.state_dict())))
    return path


class TestConformance(RecognizerConformance):
    @pytest.fixture
    def spec(self, tmp_path: Path) -> str:
        return f"eeprnet:{random_weights(tmp_path)}"


def count(module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_published_parameters_and_shapes() -> None:
    with torch.device("meta"):
        network = EEPRnet()
    vgg = 1_792 + 36_928 + 73_856 + 147_584 + 295_168 + 2 * 590_080
    assert count(network.trunk) == count(network.localization.trunk) == vgg
    assert count(network.localization.first) == 7 * 7 * 256 * 512 + 512
    assert count(network.localization.second) == 512 * 128 + 128
    assert count(network.localization.points) == 128 * 18 + 18
    assert count(network.embedding) == 14 * 14 * 256 * 512 + 512
    small = EEPRnet(Shape(4, 16, 8)).eval()
    hands = torch.rand(2, 3, 224, 224)
    assert small.localization.trunk(torch.rand(1, 3, 56, 56)).shape == (1, 16, 7, 7)
    points = small.localization(hands)
    assert points.shape == (2, 18)
    palms = small.flatten(hands, points)
    assert palms.shape == (2, 3, 112, 112)
    assert small.features(palms).shape == (2, 16, 14, 14)
    assert small(hands).shape == (2, 8)


def test_each_place_has_length_one() -> None:
    made = unit_length(torch.randn(2, 5, 3, 3))
    torch.testing.assert_close(made.square().sum(dim=1), torch.ones(2, 3, 3))


def test_the_spline_through_its_own_points_moves_nothing() -> None:
    grid = spline_grid(CONTROL.T.reshape(1, -1), 8)
    axis = (torch.arange(8) + 0.5) / 4 - 1
    expected = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1)
    torch.testing.assert_close(grid[0], expected, atol=1e-5, rtol=0)


def test_the_spline_of_an_affine_map_is_that_map() -> None:
    turn, shift = torch.tensor([[0.5, 0.2], [-0.1, 0.7]]), torch.tensor([0.1, -0.2])
    points = CONTROL @ turn.T + shift
    axis = (torch.arange(8) + 0.5) / 4 - 1
    places = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1)
    torch.testing.assert_close(spline_grid(points.T.reshape(1, -1), 8)[0], places @ turn.T + shift, atol=1e-5, rtol=0)


def test_the_spline_agrees_with_scipy() -> None:
    from scipy.interpolate import RBFInterpolator

    rng = np.random.default_rng(0)
    points = CONTROL.numpy() * 0.5 + rng.normal(0, 0.05, (9, 2))
    # r^2 log r is half of r^2 log r^2: the same curve
    reference = RBFInterpolator(CONTROL.numpy(), points, kernel="thin_plate_spline")
    axis = (np.arange(8) + 0.5) / 4 - 1
    places = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    made = spline_grid(torch.from_numpy(points.T.reshape(1, -1)).float(), 8)[0].reshape(-1, 2).numpy()
    np.testing.assert_allclose(made, reference(places), atol=1e-4)


def drawn(subject: int, side: str, number: int):
    generator = HandGenerator(0, 300, 400)
    hand = generator.sample(generator.identity(subject, side), number)
    box = np.concatenate([hand.keypoints.min(axis=0), hand.keypoints.max(axis=0)])
    return hand, Hand(box, hand.keypoints, None, side, 1.0)


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_nine_points_cut_out_the_palm(side: str) -> None:
    """Flattened by the true points, the palm is the region that the audit would cut out."""
    import cv2

    from deidkit.hand import warp_roi

    truth, hand = drawn(5, side, 1)
    framed, unit = frame(truth.pixels, hand)
    assert framed.shape == (SIZE, SIZE, 3)
    points = torch.from_numpy(palm_points(truth.roi_corners, unit))[None]
    network = EEPRnet(Shape(4, 16, 8))
    made = network.flatten(torch.from_numpy(framed).permute(2, 0, 1)[None].float(), points)[0].permute(1, 2, 0).numpy()
    roi = cv2.resize(warp_roi(truth.pixels, truth.roi_corners, hand), (112, 112), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(np.clip(made, 0, 255).astype(np.uint8), cv2.COLOR_RGB2GRAY)
    assert np.corrcoef(grey.ravel(), roi.ravel())[0, 1] > 0.9


def test_augmented_points_stay_on_the_same_places() -> None:
    truth, hand = drawn(5, "right", 1)
    framed, unit = frame(truth.pixels, hand)
    batch = {
        "hand": torch.from_numpy(framed)[None],
        "points": torch.from_numpy(palm_points(truth.roi_corners, unit))[None],
    }
    network = EEPRnet(Shape(4, 16, 8))
    plain = network.flatten(prepared(batch["hand"]), batch["points"])
    for seed in range(4):
        varied = EEPRnetTrainer().augment(batch, torch.Generator().manual_seed(seed))
        again = network.flatten(varied["hand"], varied["points"])
        inside = again.abs().sum(dim=1, keepdim=True) > 0  # a shift may push a part over the border
        assert (again - plain).abs()[inside.expand_as(plain)].mean() < 0.15


def test_a_toy_set_of_palms_is_located() -> None:
    trainer = EEPRnetTrainer(width=4, hidden=32, embedding=8, optimizer_name="adam", learning_rate=3e-3)
    kept = [(*frame(truth.pixels, hand), truth) for truth, hand in (drawn(s, "right", 1) for s in (1, 2))]
    batch = {
        "hand": prepared(torch.from_numpy(np.stack([framed for framed, _, _ in kept]))),
        "points": torch.from_numpy(np.stack([palm_points(truth.roi_corners, unit) for _, unit, truth in kept])),
    }
    torch.manual_seed(0)
    module = trainer.build(2).eval()
    optimizer = trainer.optimizer(module)
    losses = []
    for _ in range(40):
        loss = trainer.loss(module, batch, torch.tensor([0, 1]), progress=0.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.1 * losses[0]


def test_vgg_weights_are_taken_over_or_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    sizes = {0: (3, 4), 2: (4, 4), 5: (4, 8), 7: (8, 8), 10: (8, 16), 12: (16, 16), 14: (16, 16)}
    tensors = {f"features.{n}.weight": torch.randn(b, a, 3, 3) for n, (a, b) in sizes.items()}
    tensors |= {f"features.{n}.bias": torch.randn(b) for n, (_, b) in sizes.items()}
    save_file(tensors, tmp_path / "vgg.safetensors")
    module = EEPRnetTrainer(width=4, hidden=16, embedding=8, vgg=tmp_path / "vgg.safetensors").build(2)
    assert torch.equal(module.network.trunk[0].weight, tensors["features.0.weight"])
    assert torch.equal(module.network.localization.trunk[2].bias, tensors["features.2.bias"])
    with pytest.raises(MissingModel, match="VGG-16"):
        EEPRnetTrainer(width=4, hidden=16, embedding=8, vgg=tmp_path / "none.safetensors").build(2)


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory: pytest.TempPathFactory):
    return plugins.create("recognizer", f"eeprnet:{random_weights(tmp_path_factory.mktemp('weights'))}")


def test_it_asks_for_weights() -> None:
    with pytest.raises(UsageError, match="weights"):
        plugins.create("recognizer", "eeprnet")


def test_no_hand_gives_no_template(recognizer) -> None:
    matcher, _ = recognizer
    with pytest.raises(SampleError, match="no hand found"):
        matcher.extract([picture_without_hand()])


def test_templates_are_the_same_bit_for_bit_in_any_batch(recognizer) -> None:
    matcher, _ = recognizer
    images = hand_images()
    whole = matcher.extract(images)
    assert np.array_equal(np.concatenate([matcher.extract([image]) for image in images]), whole)
