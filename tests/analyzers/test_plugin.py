"""The embedded PKLNet as segmenter and ROI rule."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra 'deep': pip install '.[deep]'")

from deidkit.errors import SampleError
from deidkit.hand import AnalyzedImage, HandAnalysis
from deidkit.protocols import Hand, Image, Sample
from deidkit.synthesis import HandGenerator, SyntheticHand
from deidkit.testing import RoiRuleConformance, SegmenterConformance, hand_images
from deidkit_analyzers.pklnet.plugin import EMBEDDED, PKLNetRule, PKLNetSegmenter, localizer
from deidkit_networks.weights import load

UNSEEN = HandGenerator(seed=4242, width=300, height=400)


class TestSegmenter(SegmenterConformance):
    plugin = "pklnet"
    overlap = 0.85


@pytest.mark.slow
class TestRule(RoiRuleConformance):
    plugin = "pklnet"
    tolerance = 0.1


class TestPublishedView(RoiRuleConformance):
    plugin = "pklnet:view=picture"
    tolerance = 0.15


def drawn(count: int) -> list[tuple[SyntheticHand, Hand]]:
    found = []
    for subject in range(count):
        hand = UNSEEN.sample(UNSEEN.identity(subject, "left" if subject % 2 else "right"), 1)
        found.append((hand, Hand(np.zeros(4, np.float32), hand.keypoints, None, hand.handedness, 1.0)))
    return found


@pytest.mark.slow
def test_unseen_hands_are_segmented_and_their_region_is_found() -> None:
    overlaps, errors = [], []
    for truth, hand in drawn(16):
        mask = PKLNetSegmenter().segment(truth.pixels, hand)
        overlaps.append((mask & truth.mask).sum() / (mask | truth.mask).sum())
        corners = PKLNetRule().corners(hand, truth.pixels)
        side = np.linalg.norm(truth.roi_corners[1] - truth.roi_corners[0])
        errors.append(np.linalg.norm(corners - truth.roi_corners, axis=1).mean() / side)
    assert np.mean(overlaps) > 0.9
    assert np.mean(errors) < 0.08


def test_a_turned_picture_gives_the_turned_region() -> None:
    truth, hand = drawn(1)[0]
    corners, mask = PKLNetRule().corners(hand, truth.pixels), PKLNetSegmenter().segment(truth.pixels, hand)
    width = truth.pixels.shape[1]
    turned = np.ascontiguousarray(np.rot90(truth.pixels))
    points = np.stack([hand.keypoints[:, 1], width - hand.keypoints[:, 0]], axis=1)
    moved = replace(hand, keypoints=points)
    expected = np.stack([corners[:, 1], width - corners[:, 0]], axis=1)
    side = np.linalg.norm(corners[1] - corners[0])
    assert np.abs(PKLNetRule().corners(moved, turned) - expected).max() < 0.05 * side
    again = np.rot90(PKLNetSegmenter().segment(turned, moved), -1)
    assert (mask & again).sum() / (mask | again).sum() > 0.97


def test_one_pass_serves_mask_and_region() -> None:
    passes = []
    handle = localizer(EMBEDDED, "auto").network.register_forward_hook(lambda *_: passes.append(1))
    try:
        (truth, hand), (other, other_hand) = drawn(2)
        PKLNetSegmenter().segment(truth.pixels, hand)
        PKLNetRule(offset=0.2, side=1.4).corners(hand, truth.pixels)
        PKLNetRule().corners(hand, truth.pixels.copy())
        assert len(passes) <= 1
        before = len(passes)
        PKLNetRule().corners(other_hand, other.pixels // 2)
        assert len(passes) == before + 1
    finally:
        handle.remove()


@pytest.mark.slow
def test_threads_and_order_do_not_matter() -> None:
    pictures = [(image.pixels, image.hands[0]) for image in hand_images()]
    alone = [PKLNetSegmenter().segment(*picture) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda picture: PKLNetSegmenter().segment(*picture), pictures[::-1] * 2))
    for one, other in zip([*alone[::-1], *alone[::-1]], together, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_where_nothing_is_seen_nothing_is_said(level: int) -> None:
    hand = drawn(1)[0][1]
    nothing = np.full((400, 300, 3), level, np.uint8)
    for ask in (PKLNetRule().corners, lambda hand, image: PKLNetSegmenter().segment(image, hand)):
        with pytest.raises(SampleError, match=r"^no hand is seen where it should be$"):
            ask(hand, nothing)


def test_a_hand_without_its_fingers_has_no_region() -> None:
    truth, hand = drawn(1)[0]
    knuckles = int(truth.roi_corners[:, 1].mean())
    picture = truth.pixels.copy()
    picture[:knuckles] = 30
    with pytest.raises(SampleError):
        PKLNetRule().corners(hand, picture)


class Told:
    """Finds what it was told."""

    version = "1"

    def __init__(self, hand: Hand) -> None:
        self.hand = hand

    def detect(self, image: Image) -> list[Hand]:
        return [self.hand]


def test_the_audit_can_take_mask_and_region_from_it() -> None:
    truth, hand = drawn(1)[0]
    analysis = HandAnalysis(Told(hand), PKLNetSegmenter(), PKLNetRule(), "paper")
    image: AnalyzedImage = analysis.image(Sample("a", "1"), truth.pixels)
    assert analysis.roi(image).shape == (128, 128)
    assert image.palm_mask().sum() > 0
    blank = analysis.image(Sample("b", "1"), np.zeros_like(truth.pixels))
    for ask in (blank.hand_mask, lambda: analysis.roi(blank)):
        with pytest.raises(SampleError):
            ask()


def test_the_report_says_what_the_weights_were_trained_on() -> None:
    for part in (PKLNetSegmenter(), PKLNetRule()):
        assert part.remark() == f"the embedded weights, trained on {load(EMBEDDED, 'pklnet').trained_on}"
        assert "procedural" in part.remark()
