"""The EEHNet-style recognizer: parts where they belong, and the embedded weights."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'deep': pip install '.[deep]'")

from deidkit import plugins
from deidkit.errors import SampleError
from deidkit.protocols import Hand
from deidkit.synthesis import HandGenerator
from deidkit.testing import RecognizerConformance
from deidkit.testing.examples import hand_images, picture_without_hand
from deidkit_recognizers.eehnet.alignment import BASE, HEIGHT, PLACES, WIDTH, align
from deidkit_recognizers.eehnet.network import FINGERS, HandNetwork, HandShape, place, sample


class TestConformance(RecognizerConformance):
    plugin = "eehnet"


def drawn(subject: int, side: str, number: int):
    generator = HandGenerator(0, 360, 480)
    hand = generator.sample(generator.identity(subject, side), number)
    box = np.concatenate([hand.keypoints.min(axis=0), hand.keypoints.max(axis=0)])
    return hand.pixels, Hand(box, hand.keypoints, None, side, 1.0)


@pytest.mark.parametrize("side", ["left", "right"])
def test_every_hand_comes_to_lie_like_a_right_palm(side: str) -> None:
    for subject in (3, 4):
        picture, keypoints = align(*drawn(subject, side, 1))
        assert picture.shape == (HEIGHT, WIDTH)
        assert np.abs(keypoints[list(BASE)] - PLACES).max() < 0.12 * WIDTH
        assert keypoints[5, 0] > keypoints[17, 0], "the index finger is on the right"
        assert keypoints[12, 1] < keypoints[9, 1], "the fingers are up"


def test_a_turned_and_shrunk_picture_is_aligned_alike() -> None:
    import cv2

    pixels, hand = drawn(3, "right", 1)
    move = cv2.getRotationMatrix2D((180, 240), 25, 0.7)
    turned = cv2.warpAffine(pixels, move, (360, 480), flags=cv2.INTER_AREA)
    points = (hand.keypoints @ move[:, :2].T + move[:, 2]).astype(np.float32)
    one, first = align(pixels, hand)
    other, second = align(turned, Hand(hand.box, points, None, "right", 1.0))
    np.testing.assert_allclose(first, second, atol=0.1)
    middle = (slice(150, 230), slice(80, 150))
    assert np.abs(one[middle].astype(int) - other[middle]).mean() < 6


def test_keypoints_on_a_line_are_refused() -> None:
    points = np.stack([np.arange(21.0), np.arange(21.0)], axis=1).astype(np.float32)
    with pytest.raises(SampleError, match="on a line"):
        align(np.zeros((50, 50, 3), np.uint8), Hand(np.zeros(4, np.float32), points, None, "right", 1.0))


def test_parts_are_where_the_keypoints_say() -> None:
    """At first the localisation network moves nothing: each finger's root and tip lie on the part's long axis."""
    _, keypoints = align(*drawn(3, "right", 1))
    network = HandNetwork(HandShape(4, 8)).eval()
    points = torch.from_numpy(keypoints)[None]
    assert (network.localization(torch.rand(1, 1, HEIGHT, WIDTH)) == 0).all()
    placement = place(points)[0].detach().numpy()
    for number, (root, tip) in enumerate(FINGERS, start=1):
        axes, centre = placement[number, :, :2], placement[number, :, 2]
        inside = np.linalg.solve(axes, (keypoints[[root, tip]] - centre).T).T
        np.testing.assert_allclose(inside[:, 0], 0, atol=1e-5)
        np.testing.assert_allclose(inside[:, 1], [1 / 1.16, -1 / 1.16], atol=1e-5)
    axes, centre = placement[0, :, :2], placement[0, :, 2]
    inside = np.linalg.solve(axes, (keypoints[[0, 5, 9, 13, 17]] - centre).T)
    assert np.abs(inside).max() < 1.2


def test_a_part_is_cut_out_as_placed() -> None:
    picture = torch.zeros(1, 1, HEIGHT, WIDTH)
    picture[0, 0, 100:120, 60:90] = 1.0
    placement = torch.tensor([[[15.0, 0.0, 75.0], [0.0, 10.0, 110.0]]])
    assert sample(picture, placement, (20, 30)).min() > 0.99
    wider = torch.tensor([[[30.0, 0.0, 75.0], [0.0, 20.0, 110.0]]])
    assert sample(picture, wider, (40, 60)).mean() == pytest.approx(0.25, abs=0.02)


@pytest.fixture(scope="module")
def recognizer():
    return plugins.create("recognizer", "eehnet")


def test_it_says_what_it_is_not(recognizer) -> None:
    _, component = recognizer
    assert component.remark.startswith("EEHNet-style, not the published EEHNet; the embedded weights, trained on")


def test_no_hand_gives_no_template(recognizer) -> None:
    matcher, _ = recognizer
    with pytest.raises(SampleError, match="no hand found"):
        matcher.extract([picture_without_hand()])


def test_templates_are_the_same_bit_for_bit_in_any_batch(recognizer) -> None:
    matcher, _ = recognizer
    images = hand_images()
    whole = matcher.extract(images)
    assert np.array_equal(np.concatenate([matcher.extract([image]) for image in images]), whole)


@pytest.mark.slow
def test_drawn_hands_never_learned_from_are_told_apart(recognizer) -> None:
    """Seed 0 is the audit's own population; the weights were trained on another."""
    from deidkit.measures.error_rates import equal_error_rate
    from deidkit.scores import Distribution
    from deidkit_networks.embedding import embed

    matcher, _ = recognizer
    aligned, labels = [], []
    for subject in range(1, 13):
        for number in (1, 2, 3):
            aligned.append(align(*drawn(subject, "left" if subject % 2 else "right", number)))
            labels.append(subject)
    hands, keypoints = (np.stack(each) for each in zip(*aligned, strict=True))
    templates = embed(matcher._embed, torch.device("cpu"), hands, keypoints)
    distances = matcher.compare(templates, templates)
    upper = np.triu_indices(len(labels), 1)
    same = np.equal.outer(labels, labels)[upper]
    scores = distances[upper].astype(np.float64)
    assert equal_error_rate(Distribution.of(scores[same]), Distribution.of(scores[~same])).eer < 0.1
