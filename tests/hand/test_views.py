from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from deidkit.hand.views import SMALLEST_PART, every_hand

SIDES = st.integers(1, 6000)


@given(width=SIDES, height=SIDES, x=st.floats(0, 1), y=st.floats(0, 1))
def test_every_place_of_a_large_picture_is_seen_closely(width: int, height: int, x: float, y: float) -> None:
    """A palm of a tenth of the smallest part lies whole in one of them, wherever it is."""
    views = list(every_hand(width, height))
    sides = [float(np.ptp(view[:, 0])) for view in views]
    smallest = min(sides)
    assert smallest <= max(SMALLEST_PART, max(width, height) / 4) + 1e-3
    palm = 0.1 * smallest
    middle = np.array([x * width, y * height])
    low = np.clip(middle - palm / 2, 0, np.maximum([width, height], palm) - palm)
    parts = [view for view, side in zip(views, sides, strict=True) if side < 1.01 * smallest]
    assert any(
        (part.min(axis=0) <= low + 1e-2).all() and (low + palm <= part.max(axis=0) + 1e-2).all() for part in parts
    )


def test_small_pictures_are_not_taken_apart() -> None:
    assert len(list(every_hand(600, 800))) == 2
    assert len(list(every_hand(1600, 1200))) == 8
    assert len(list(every_hand(4000, 3000))) == 32
