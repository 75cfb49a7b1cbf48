"""The compiled cut is a least one, and GrabCut's masks are OpenCV's."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow

from deidkit.hand import cut_kernels, grabcut
from deidkit.hand.grabcut import GrabCut
from deidkit.protocols import Hand
from deidkit.synthesis.generator import HandGenerator

STEPS = [(down, across) for down in (-1, 0, 1) for across in (-1, 0, 1) if (down, across) != (0, 0)]


def ties(seed: int, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers, so that a library can say what flows; some pixels are tied to no side, some not to each other."""
    rng = np.random.default_rng(seed)
    sides = rng.integers(-30, 31, shape) * (rng.random(shape) < 0.6)
    links = np.zeros((*shape, 8), int)
    for direction, (down, across) in enumerate(STEPS[:4]):
        for row in range(shape[0]):
            for column in range(shape[1]):
                if 0 <= row + down < shape[0] and 0 <= column + across < shape[1]:
                    tie = max(0, int(rng.integers(-5, 25)))
                    links[row, column, direction] = links[row + down, column + across, 7 - direction] = tie
    return sides, links


def greatest_flow(sides: np.ndarray, links: np.ndarray) -> int:
    width = sides.shape[1]
    first, second = sides.size, sides.size + 1
    capacity = np.zeros((sides.size + 2, sides.size + 2), np.int32)
    capacity[first, :-2], capacity[:-2, second] = np.maximum(sides, 0).ravel(), np.maximum(-sides, 0).ravel()
    for row, column, direction in np.argwhere(links):
        down, across = STEPS[direction]
        capacity[row * width + column, (row + down) * width + column + across] = links[row, column, direction]
    return int(maximum_flow(csr_array(capacity), first, second).flow_value)


def cost(sides: np.ndarray, links: np.ndarray, second: np.ndarray) -> int:
    total = np.maximum(sides, 0)[second].sum() + np.maximum(-sides, 0)[~second].sum()
    for row, column, direction in np.argwhere(links):
        down, across = STEPS[direction]
        if not second[row, column] and second[row + down, column + across]:
            total += links[row, column, direction]
    return int(total)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (7, 8), (13, 11)])
def test_what_is_cut_is_what_can_flow(shape: tuple[int, int]) -> None:
    for seed in range(20):
        sides, links = ties(seed, shape)
        second = cut_kernels.second_part(sides.astype(float), links.astype(float))
        assert cost(sides, links, second) == greatest_flow(sides, links)


def masks(picture: np.ndarray, hand: Hand, iterations: int, monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """Ours and OpenCV's."""
    ours = GrabCut(iterations=iterations).segment(picture, hand)
    with monkeypatch.context() as patch:
        patch.setattr(grabcut, "_parted", lambda *_: None)
        return [ours, GrabCut(iterations=iterations).segment(picture, hand)]


@pytest.mark.slow
@pytest.mark.parametrize("iterations", [1, 3])
def test_masks_are_those_of_opencv(iterations: int, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = HandGenerator(seed=7, width=300, height=400)
    asked = 0
    evaluate = cv2.grabCut

    def counted(*arguments: object) -> object:
        nonlocal asked
        asked += arguments[-1] == cv2.GC_EVAL
        return evaluate(*arguments)  # type: ignore[call-overload]

    monkeypatch.setattr(cv2, "grabCut", counted)
    for subject in range(6):
        drawn = generator.sample(generator.identity(subject), 0)
        hand = Hand(np.zeros(4, np.float32), drawn.keypoints, np.zeros((21, 3), np.float32), "right", 1.0, "palm")
        ours, theirs = masks(drawn.pixels, hand, iterations, monkeypatch)
        np.testing.assert_array_equal(ours, theirs)
    assert asked == 6, "OpenCV must not have been asked for ours"


def test_colours_far_from_all_others_are_left_to_opencv(
    make_hand: Callable[..., Hand], monkeypatch: pytest.MonkeyPatch
) -> None:
    hand = make_hand(scale=1.5, at=(320, 420))
    picture = np.full((640, 640, 3), 40, np.uint8)
    picture[300:, 200:440] = 180
    picture[380:384, 300:304] = (255, 0, 0)
    ours, theirs = masks(picture, hand, 1, monkeypatch)
    np.testing.assert_array_equal(ours, theirs)
