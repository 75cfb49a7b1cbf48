"""Pictures found inside files."""

from __future__ import annotations

import numpy as np
import pytest

from deidkit.leakage import is_original
from deidkit.leakage.turns import TURNS, Turn

from . import hands as drawn
from .hands import hands


@pytest.mark.parametrize("scale", [1.0, 0.5, 0.33])
@pytest.mark.parametrize("turn", [TURNS[0], TURNS[1], TURNS[6]], ids=str)
def test_thumbnails_of_originals_are_found(scale: float, turn: Turn) -> None:
    for hand in hands()[::6]:
        thumbnail = turn.apply(drawn.jpeg(drawn.resized(hand.pixels, scale), 75))
        assert is_original(hand.pixels, thumbnail, hand.palm, drawn.filled(hand))


@pytest.mark.parametrize("scale", [1.0, 0.5, 0.33])
def test_thumbnails_of_copies_are_not_the_original(scale: float) -> None:
    for hand in hands()[::6]:
        for copy in (drawn.filled(hand), drawn.blurred(hand, 4), drawn.false_palm(hand, 4)):
            thumbnail = drawn.jpeg(drawn.resized(copy, scale), 90)
            assert not is_original(hand.pixels, thumbnail, hand.palm, copy)


def test_pictures_of_others_and_specks_are_not_the_original() -> None:
    hand, other = hands()[0], hands()[9]
    assert not is_original(hand.pixels, other.pixels, hand.palm)
    assert not is_original(hand.pixels, np.zeros((16, 16, 3), np.uint8), hand.palm)
