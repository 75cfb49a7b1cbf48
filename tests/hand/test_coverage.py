from __future__ import annotations

import numpy as np
import pytest

from deidkit.errors import SampleError
from deidkit.hand import unchanged_share

SQUARE = np.array([[10, 10], [30, 10], [30, 30], [10, 30]], np.float32)


def test_the_unchanged_share_counts_pixels_that_are_the_originals() -> None:
    original = np.random.default_rng(0).integers(0, 256, (50, 50, 3), dtype=np.uint8)
    copy = original.copy()
    assert unchanged_share(SQUARE, original, copy) == 1
    copy[:, :20, 2] ^= 1  # one channel by one level is a change
    assert unchanged_share(SQUARE, original, copy) == pytest.approx(0.5, abs=0.03)
    assert unchanged_share(SQUARE, original, 255 - original) == 0
    copy[:, :2, 2] = original[:, :2, 2]
    assert unchanged_share(SQUARE - np.array([20, 0], np.float32), original, copy) == pytest.approx(0.2, abs=0.07)


def test_what_cannot_be_measured_is_said() -> None:
    black = np.zeros((50, 50, 3), np.uint8)
    with pytest.raises(SampleError, match="outside the picture"):
        unchanged_share(SQUARE + 100, black, black)
    with pytest.raises(SampleError, match="size"):
        unchanged_share(SQUARE, black, black[:40])
