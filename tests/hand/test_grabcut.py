from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from deidkit.hand.grabcut import GrabCut
from deidkit.protocols import Hand, Segmenter

Fill = Callable[[Hand, tuple[int, int]], NDArray[np.bool_]]
SKIN = np.array([205, 150, 130])


def picture_of(truth: NDArray[np.bool_], background: NDArray[np.float64]) -> NDArray[np.uint8]:
    noise = np.random.default_rng(1).normal(0, 6, (*truth.shape, 3))
    return np.clip(np.where(truth[..., None], SKIN, background) + noise, 0, 255).astype(np.uint8)


def overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float((one & other).sum() / (one | other).sum())


BACKGROUNDS = {
    "black": np.array([12.0, 12.0, 14.0]),
    "white": np.array([245.0, 245.0, 240.0]),
    "green": np.array([60.0, 120.0, 50.0]),
    "near": np.array([225.0, 200.0, 180.0]),
}


def test_it_is_a_plugin_of_its_kind() -> None:
    assert isinstance(GrabCut(), Segmenter)


@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize("turn", [0.0, 1.8])
def test_the_mask_is_the_hand(make_hand: Callable[..., Hand], fill_hand: Fill, background: str, turn: float) -> None:
    hand = make_hand(turn=turn, scale=1.5, at=(320, 320))
    truth = fill_hand(hand, (640, 640))
    mask = GrabCut().segment(picture_of(truth, BACKGROUNDS[background]), hand)
    assert mask.shape == truth.shape
    assert mask.dtype == bool
    assert overlap(mask, truth) > 0.93


def test_without_contrast_the_mask_stays_about_the_bones(make_hand: Callable[..., Hand], fill_hand: Fill) -> None:
    hand = make_hand(scale=1.5, at=(320, 420))
    truth = fill_hand(hand, (640, 640))
    mask = GrabCut().segment(picture_of(truth, SKIN.astype(float)), hand)
    assert (mask & truth).sum() > 0.7 * truth.sum()
    assert mask.sum() < 2.2 * truth.sum()


def test_the_arm_is_cut_off(make_hand: Callable[..., Hand], fill_hand: Fill) -> None:
    hand = make_hand(at=(200, 260))
    truth = fill_hand(hand, (400, 400))
    truth[255:, 170:230] = True  # an arm down to the picture's edge
    mask = GrabCut().segment(picture_of(truth, BACKGROUNDS["black"]), hand)
    assert mask[240:258, 185:215].all()
    assert not mask[285:].any()


def test_a_peg_between_the_fingers_is_no_hand(make_hand: Callable[..., Hand], fill_hand: Fill) -> None:
    hand = make_hand(scale=1.5, at=(320, 420))
    picture = picture_of(fill_hand(hand, (640, 640)), BACKGROUNDS["black"])
    x, y = ((hand.keypoints[6] + hand.keypoints[10]) / 2).astype(int)
    picture[y - 6 : y + 6, x - 5 : x + 5] = [30, 60, 220]
    assert not GrabCut().segment(picture, hand)[y - 3 : y + 3, x - 2 : x + 2].any()


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_flat_picture_gives_a_mask_all_the_same(make_hand: Callable[..., Hand], value: int) -> None:
    hand = make_hand()
    mask = GrabCut().segment(np.full((400, 400, 3), value, np.uint8), hand)
    x, y = hand.keypoints[9].astype(int)
    assert mask[y, x]


def test_hands_at_and_beyond_the_border(make_hand: Callable[..., Hand], fill_hand: Fill) -> None:
    cut_hand = make_hand(at=(20, 260))
    truth = fill_hand(cut_hand, (300, 200))
    assert overlap(GrabCut().segment(picture_of(truth, BACKGROUNDS["green"]), cut_hand), truth) > 0.85
    assert not GrabCut().segment(np.zeros((50, 50, 3), np.uint8), make_hand(at=(9000, 9000))).any()
    filling = make_hand(scale=12, at=(100, 700))
    assert GrabCut().segment(np.full((200, 200, 3), SKIN, np.uint8), filling).mean() > 0.9
    for shape in ((1, 1), (2, 3), (5, 400)):
        assert GrabCut().segment(np.zeros((*shape, 3), np.uint8), make_hand(scale=0.01, at=(1, 1))).shape == shape


def test_the_same_picture_gives_the_same_mask(make_hand: Callable[..., Hand], fill_hand: Fill) -> None:
    hand = make_hand()
    picture = picture_of(fill_hand(hand, (400, 400)), BACKGROUNDS["near"])
    assert np.array_equal(GrabCut().segment(picture, hand), GrabCut().segment(picture, hand))
