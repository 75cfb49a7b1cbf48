"""What copies hold beside the palm, or in the strengths of its frequencies alone."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from deidkit.leakage import examine_copy
from deidkit.protocols import Image

from . import hands as drawn
from .hands import SAMPLES, Drawn, hands
from .test_population import ALL, found


@pytest.mark.parametrize("levels", [-3, 1, 2])
def test_faint_numbers_beside_the_palm_are_found(levels: int) -> None:
    for hand in hands()[::SAMPLES]:
        assert examine_copy(hand.pixels, drawn.written(hand, levels, f"{hand.subject:03d}"), hand.palm).beside


@pytest.mark.slow
def test_numbers_beside_palms_are_counted() -> None:
    copies = [drawn.written(hand, -2, f"{hand.subject:03d}") for hand in hands()]
    assert found(copies)["written beside"] == (ALL, "")


@pytest.mark.slow
def test_one_makers_mark_for_all_names_nobody() -> None:
    assert "written beside" not in found([drawn.written(hand, -2, "made by us") for hand in hands()])


def test_a_single_pixel_is_found() -> None:
    hand = hands()[0]
    copy = drawn.false_palm(hand, 1)
    copy[5, 7] += 2
    assert examine_copy(hand.pixels, copy, hand.palm).beside


def _soft_edged(hand: Drawn) -> Image:
    weight = cv2.GaussianBlur(hand.palm.astype(np.float32), (0, 0), 5)[:, :, None]
    soft = weight * drawn.false_palm(hand, 3) + (1 - weight) * hand.pixels
    return np.asarray(soft, np.uint8)


def _smoothed_around(hand: Drawn) -> Image:
    copy = cv2.bilateralFilter(hand.pixels, 7, 15, 5)
    copy[:200] = hand.pixels[:200]  # what is left to the bit
    copy[hand.palm] = drawn.false_palm(hand, 3)[hand.palm]
    return np.asarray(copy, np.uint8)


def _another_background(hand: Drawn) -> Image:
    copy = drawn.false_palm(hand, 3)
    copy[:120] = 128
    return copy


@pytest.mark.parametrize(
    "treat",
    [
        lambda hand: drawn.false_palm(hand, 3),
        lambda hand: drawn.jpeg(drawn.false_palm(hand, 3), 92),
        _soft_edged,
        _smoothed_around,
        _another_background,
    ],
    ids=["nothing", "JPEG", "soft edge", "smoothed", "replaced"],
)
def test_what_else_changes_beside_a_palm_is_not_accused(treat: Callable[[Drawn], Image]) -> None:
    for hand in hands()[::4]:
        assert not examine_copy(hand.pixels, treat(hand), hand.palm).beside


def _saved(picture: Image) -> Image:
    """As `hands.jpeg`, which OpenCV would take for blue, green and red."""
    return np.ascontiguousarray(drawn.jpeg(np.ascontiguousarray(picture[:, :, ::-1]), 92)[:, :, ::-1])


def test_a_jpeg_that_is_saved_once_more_as_it_was_is_not_accused() -> None:
    hand = hands()[0]
    original = _saved(_saved(hand.pixels))
    copy = np.where(hand.palm[:, :, None], drawn.false_palm(hand, 3), original).astype(np.uint8)
    assert not examine_copy(original, _saved(copy), hand.palm).beside


@pytest.mark.slow
def test_strengths_of_frequencies_under_fresh_phases_are_found() -> None:
    copies = [drawn.with_fresh_phases(hand, number) for number, hand in enumerate(hands())]
    assert found(copies)["spectrum kept"] == (ALL, "")
