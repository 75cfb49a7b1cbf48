"""CCNet: the published shapes and numbers, and the embedded weights."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'deep': pip install '.[deep]'")

from deidkit import plugins
from deidkit.testing import RecognizerConformance
from deidkit_networks.losses import ArcMargin, supervised_contrastive
from deidkit_recognizers.ccnet.augmentation import light, published
from deidkit_recognizers.ccnet.network import CCNet, CCNetShape, LearnableGabor, normalize


class TestConformance(RecognizerConformance):
    plugin = "ccnet"


def count(module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_published_parameters() -> None:
    with torch.device("meta"):
        network = CCNet()
    # 62.31 M as published; of the blocks' 49,260 numbers, 114 are the fixed angles and phases, which are not learned
    assert count(network.blocks) == 49_260 - 114
    assert count(network.hidden) == 53_874_688
    assert count(network.embedding) == 8_390_656
    assert count(ArcMargin(2048, 460)) == 2048 * 460


def test_the_published_shapes() -> None:
    network = CCNet(CCNetShape(hidden=8, embedding=8))
    picture = torch.zeros(2, 1, 128, 128)
    for block, competitors in zip(network.blocks, (9, 36, 9), strict=True):
        first = block.first_gabor(picture)
        assert first.shape == (2, competitors, 64, 64)
        second = block.second_gabor(first)
        assert second.shape == (2, competitors, 32, 32)
        assert block.first(first).shape == (2, 16, 15, 15)
        assert block.second(second).shape == (2, 16, 7, 7)
        assert block(picture).shape == (2, 4384)
    embedded, features = network(picture + torch.rand(2, 1, 128, 128))
    assert embedded.shape == (2, 8)
    assert features.shape == (2, 16)
    assert CCNet.FEATURES == 13_152


@pytest.mark.parametrize(("size", "ratio"), [(35, 1.0), (17, 0.5), (7, 0.25)])
def test_the_filters_are_the_published_formula(size: int, ratio: float) -> None:
    kernels = LearnableGabor(9, size, ratio).kernels().detach().numpy()[:, 0]
    half = size // 2
    for number in range(9):
        theta = math.pi * number / 9
        expected = np.empty((size, size))
        for row in range(size):
            for column in range(size):
                x, y = row - half, column - half
                xr, yr = x * math.cos(theta) + y * math.sin(theta), -x * math.sin(theta) + y * math.cos(theta)
                envelope = math.exp(-0.5 * ((2.0 * xr) ** 2 + yr**2) / (8 * (9.2 * ratio) ** 2))
                expected[row, column] = -envelope * math.cos(2 * math.pi * 0.057 / ratio * xr)
        np.testing.assert_allclose(kernels[number], expected - expected.mean(), atol=1e-5)


def test_a_channel_sum_is_what_repeated_filters_give() -> None:
    gabor = LearnableGabor(4, 7, 0.25)
    responses = torch.randn(2, 5, 20, 20)
    repeated = gabor.kernels().repeat(1, 5, 1, 1)
    expected = torch.nn.functional.conv2d(responses, repeated, stride=2, padding=3)
    torch.testing.assert_close(gabor(responses), expected, rtol=1e-4, atol=1e-4)


def test_black_pixels_are_no_part_of_the_normalisation() -> None:
    roi = np.random.default_rng(0).integers(1, 256, (128, 128)).astype(np.float32)
    roi[:40] = 0
    made = normalize(torch.from_numpy(roi)[None, None]).numpy()[0, 0]
    inside = roi[40:]
    np.testing.assert_allclose(made[40:], (inside - inside.mean()) / (inside.std(ddof=1) + 1e-6), atol=1e-4)
    assert (made[:40] == 0).all()


def test_the_margin_is_added_to_the_true_angle() -> None:
    classifier = ArcMargin(2, 2)
    with torch.no_grad():
        classifier.weight.copy_(torch.eye(2))
    angle = 0.7
    logits = classifier(torch.tensor([[math.cos(angle), math.sin(angle)]]), torch.tensor([0]))
    np.testing.assert_allclose(logits.detach().numpy(), [[30 * math.cos(angle + 0.5), 30 * math.sin(angle)]], rtol=1e-5)


def test_the_contrastive_loss_is_its_formula() -> None:
    rng = np.random.default_rng(3)
    features = rng.normal(size=(6, 4))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    labels = np.array([0, 0, 1, 1, 2, 2])
    expected = 0.0
    for i in range(6):
        others = [j for j in range(6) if j != i]
        total = sum(math.exp(features[i] @ features[j] / 0.07) for j in others)
        mates = [j for j in others if labels[j] == labels[i]]
        expected -= sum(math.log(math.exp(features[i] @ features[j] / 0.07) / total) for j in mates) / len(mates) / 6
    made = supervised_contrastive(torch.from_numpy(features), torch.from_numpy(labels))
    assert float(made) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("vary", [published, light])
def test_variation_is_repeatable_and_stays_a_picture(vary) -> None:
    rois = torch.from_numpy(np.random.default_rng(1).integers(1, 256, (12, 1, 128, 128)).astype(np.float32))
    one, same, other = (vary(rois, torch.Generator().manual_seed(seed)) for seed in (4, 4, 5))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert one.shape == rois.shape
    assert float(one.min()) >= 0
    assert float(one.max()) <= 255 * 1.06
    changed = (one != rois).flatten(1).any(dim=1)
    assert changed.all()


@pytest.fixture(scope="module")
def recognizer():
    return plugins.create("recognizer", "ccnet")


def test_the_embedded_weights_say_what_they_are(recognizer) -> None:
    _, component = recognizer
    assert component.remark.startswith("the embedded weights, trained on procedural palms")
    assert "held-out" in component.remark


@pytest.mark.slow
def test_templates_are_the_same_bit_for_bit_in_any_batch(recognizer) -> None:
    matcher, _ = recognizer
    rois = list(np.random.default_rng(0).integers(0, 256, (35, 128, 128), dtype=np.uint8))
    whole = matcher.extract(rois)
    for size in (1, 7, 20):
        parts = [matcher.extract(rois[start : start + size]) for start in range(0, len(rois), size)]
        assert np.array_equal(np.concatenate(parts), whole)


@pytest.mark.slow
def test_half_precision_agrees(recognizer) -> None:
    from deidkit.testing.examples import palm_rois

    matcher, _ = recognizer
    rough, _ = plugins.create("recognizer", "ccnet:precision=bfloat16")
    rois = palm_rois()
    fine = matcher.extract(rois)
    coarse = rough.extract(rois)
    assert np.abs(matcher.compare(fine, fine) - rough.compare(coarse, coarse)).max() < 0.01


def test_a_black_palm_gives_no_template(recognizer) -> None:
    matcher, _ = recognizer
    template = matcher.extract([np.zeros((128, 128), np.uint8)])
    assert np.isfinite(template).all()


@pytest.mark.slow
def test_drawn_hands_never_learned_from_are_told_apart(recognizer) -> None:
    """Seed 0 is the audit's own population; the weights were trained on another."""
    from deidkit.hand import warp_roi
    from deidkit.measures.error_rates import equal_error_rate
    from deidkit.protocols import Hand
    from deidkit.scores import Distribution
    from deidkit.synthesis import HandGenerator

    matcher, _ = recognizer
    generator = HandGenerator(0, 450, 600)
    rois, labels = [], []
    for subject in range(1, 13):
        identity = generator.identity(subject, "right")
        for number in range(1, 4):
            hand = generator.sample(identity, number)
            box = np.concatenate([hand.keypoints.min(0), hand.keypoints.max(0)])
            rois.append(warp_roi(hand.pixels, hand.roi_corners, Hand(box, hand.keypoints, None, "right", 1.0)))
            labels.append(subject)
    templates = matcher.extract(rois)
    distances = matcher.compare(templates, templates)
    upper = np.triu_indices(len(rois), 1)
    same = np.equal.outer(labels, labels)[upper]
    scores = distances[upper].astype(np.float64)
    point = equal_error_rate(Distribution.of(scores[same]), Distribution.of(scores[~same]))
    assert point.eer < 0.08


@pytest.mark.slow
def test_a_toy_set_is_learned_by_heart() -> None:
    from deidkit_recognizers.ccnet.training import CCNetTrainer

    trainer = CCNetTrainer(hidden=32, embedding=32, learning_rate=3e-3, dropout=0.0, filters=0.0)
    rng = np.random.default_rng(5)
    palms = np.repeat(rng.integers(40, 216, (4, 1, 8, 8), dtype=np.uint8), 16, axis=2).repeat(16, axis=3)[:, 0]
    batch = torch.from_numpy(np.concatenate([palms, palms])[:, :128, :128].copy())
    labels = torch.arange(4).repeat(2)
    torch.manual_seed(0)
    module = trainer.build(4)
    optimizer = trainer.optimizer(module)
    losses = []
    for _ in range(12):
        rois = normalize(batch[:, None].float())
        loss = trainer.loss(module, {"roi": rois}, labels, progress=0.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.2 * losses[0]
    with torch.no_grad():
        found = trainer.evaluate(module.eval(), [{"roi": batch}], labels.numpy())
    assert found["eer_percent"] == 0.0
    assert found["rank_1_percent"] == 100.0
