from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deidkit.hand.warp import cut, in_picture, square


def ramp(height: int, width: int) -> np.ndarray:
    """A picture whose value tells the position: red is x, green is y, in steps of half a pixel."""
    y, x = np.mgrid[0:height, 0:width] + 0.5
    return np.stack([2 * x, 2 * y, np.zeros_like(x)], axis=2).astype(np.uint8)


def test_the_picture_itself_is_cut_out_unchanged() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert np.array_equal(cut(picture, square(np.array([32, 32]), 64, 0), 64), picture)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_quarter_turns_are_exact(quarters: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    turned = cut(picture, square(np.array([32, 32]), 64, quarters * np.pi / 2), 64)
    assert np.abs(turned.astype(int) - np.rot90(picture, quarters)).max() <= 1


@pytest.mark.parametrize("factor", [2, 3, 4, 8])
def test_shrinking_is_the_mean_of_the_area(factor: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (32 * factor, 32 * factor), dtype=np.uint8)
    means = picture.reshape(32, factor, 32, factor).mean(axis=(1, 3))
    small = cut(picture, square(np.array([16.0, 16.0]) * factor, 32 * factor, 0), 32)
    assert np.abs(small - means).max() <= 1.5


@given(
    x=st.floats(40, 60),
    y=st.floats(40, 60),
    side=st.floats(8, 40),
    angle=st.floats(-np.pi, np.pi),
)
def test_points_of_the_cut_lie_where_the_picture_has_them(x: float, y: float, side: float, angle: float) -> None:
    corners = square(np.array([x, y]), side, angle)
    size = 32
    piece = cut(ramp(100, 100), corners, size).astype(float)
    row, column = np.mgrid[4:28, 4:28]
    where = in_picture(corners, np.stack([column + 0.5, row + 0.5], axis=2) / size)
    assert np.abs(piece[4:28, 4:28, :2] / 2 - where).max() < 0.6  # the values are steps of half a pixel


@pytest.mark.parametrize("side", [50, 2000])
def test_outside_the_picture_is_black(side: int) -> None:
    picture = np.full((40, 40, 3), 200, np.uint8)
    assert not cut(picture, square(np.array([5000.0, 5000.0]), side, 0.3), 16).any()
    assert cut(picture, square(np.array([20.0, 20.0]), 80, 0.0), 16)[:3].max() == 0


def test_a_quadrilateral_without_right_angles_is_cut_by_perspective() -> None:
    corners = np.array([[10, 10], [90, 20], [80, 85], [20, 70]], np.float32)
    piece = cut(ramp(100, 100), corners, 64).astype(float) / 2
    for (row, column), corner in zip([(0, 0), (0, -1), (-1, -1), (-1, 0)], corners, strict=True):
        assert np.abs(piece[row, column, :2] - corner).max() < 1.5


@pytest.mark.parametrize("side", [40.0, 160.0, 900.0])
def test_colours_are_cut_like_each_channel_alone(side: float) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (201, 150, 3), dtype=np.uint8)
    corners = square(np.array([70.0, 90.0]), side, 0.4)
    channels = [cut(np.ascontiguousarray(picture[..., channel]), corners, 64) for channel in range(3)]
    assert np.array_equal(cut(picture, corners, 64), np.dstack(channels))
