from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deidkit.leakage import Turn, turned_back
from deidkit.leakage.turns import TURNS

from . import hands as drawn
from .hands import hands


@given(st.sampled_from(TURNS), st.integers(1, 9), st.integers(1, 9))
def test_a_turn_is_undone_and_its_map_says_where_each_pixel_goes(turn: Turn, height: int, width: int) -> None:
    picture = np.arange(height * width * 3, dtype=np.uint8).reshape(height, width, 3)
    turned = turn.apply(picture)
    assert np.array_equal(turn.undo(turned), picture)
    affine = turn.affine(picture.shape[:2], turned.shape[:2])
    for y in range(height):
        for x in range(width):
            column, row = (affine @ [x + 0.5, y + 0.5, 1] - 0.5).round().astype(int)
            assert np.array_equal(turned[row, column], picture[y, x])


@pytest.mark.parametrize("turn", [turn for turn in TURNS if turn.swaps], ids=str)
def test_swapped_copies_are_turned_back_by_what_surrounds_the_palm(turn: Turn) -> None:
    for hand in hands()[::4]:
        copy = drawn.filled(hand)
        back = turned_back(hand.pixels, turn.apply(copy))
        assert back.turn == turn
        assert np.array_equal(back.image, copy)


def test_other_sizes_are_only_resized() -> None:
    hand = hands()[0]
    back = turned_back(hand.pixels, drawn.resized(hand.pixels, 0.5))
    assert back.turn == Turn()
    assert back.image.shape == hand.pixels.shape
