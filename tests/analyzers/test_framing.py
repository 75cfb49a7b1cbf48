"""What the network sees of a picture, the way back, and the square's geometry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deidkit.errors import SampleError
from deidkit.protocols import Hand
from deidkit.synthesis import HandGenerator
from deidkit.testing import hand_images

pytest.importorskip("torch", reason="needs the extra 'deep': pip install '.[deep]'")

from deidkit_analyzers.pklnet.answer import region
from deidkit_analyzers.pklnet.framing import frame
from deidkit_analyzers.pklnet.geometry import outline_near, valleys_of

SIZE = (192, 144)


@settings(deadline=None)
@given(
    turns=st.integers(0, 3),
    view=st.sampled_from(["hand", "picture"]),
    x=st.floats(-20, 330),
    y=st.floats(-20, 420),
    size=st.sampled_from([(192, 144), (400, 300), (96, 144)]),
)
def test_points_go_there_and_back(turns: int, view: str, x: float, y: float, size: tuple[int, int]) -> None:
    image = hand_images()[turns]
    picture = np.ascontiguousarray(np.rot90(image.pixels, turns))
    points = image.hands[0].keypoints
    for _ in range(turns):
        points = np.stack([points[:, 1], image.pixels.shape[1] - points[:, 0]], axis=1)
    seen = frame(picture, Hand(np.zeros(4, np.float32), points, None, "left", 1.0), view, size)  # type: ignore[arg-type]
    at = np.array([[x, y]])
    assert seen.to_picture(seen.from_picture(at)) == pytest.approx(at, abs=1e-6)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_the_fingers_point_up_however_the_picture_is_turned(turns: int) -> None:
    image = hand_images()[0]
    upright = frame(image.pixels, image.hands[0], "hand", SIZE)
    picture = np.ascontiguousarray(np.rot90(image.pixels, turns))
    height, width = image.pixels.shape[:2]
    points = image.hands[0].keypoints
    for _ in range(turns):
        points = np.stack([points[:, 1], width - points[:, 0]], axis=1)
        height, width = width, height
    turned = frame(picture, Hand(np.zeros(4, np.float32), points, None, "left", 1.0), "hand", SIZE)
    found = turned.from_picture(points)
    assert found[12, 1] < found[9, 1] < found[0, 1]
    assert (found > 0).all() and (found < SIZE[::-1]).all()
    difference = np.abs(turned.cut(picture).astype(int) - upright.cut(image.pixels).astype(int))
    assert np.median(difference) <= 4  # the same hand, up to a pixel's rounding


def test_the_whole_picture_is_fitted_and_a_landscape_one_is_turned_clockwise() -> None:
    picture = np.zeros((300, 400, 3), np.uint8)
    picture[:, :200] = 255  # left goes up
    hand = hand_images()[0].hands[0]
    seen = frame(picture, hand, "picture", (400, 300))
    assert seen.size == (400, 300)
    turned = seen.cut(picture)
    assert turned[:200].min() == 255 and turned[200:].max() == 0
    assert seen.from_picture(np.array([[0.0, 0.0]])).tolist() == [[300, 0]]


def test_a_map_returns_to_where_it_was_seen() -> None:
    image = hand_images()[2]
    seen = frame(image.pixels, image.hands[0], "hand", SIZE)
    field = seen.cut(255 * image.hand_mask().astype(np.uint8)).astype(np.float32) / 255 - 0.5
    found, true = seen.field(field) > 0, image.hand_mask()
    assert np.count_nonzero(found & true) / np.count_nonzero(found | true) > 0.95


def test_what_lies_outside_the_picture_is_refused() -> None:
    hand = hand_images()[0].hands[0]
    far = Hand(hand.box, hand.keypoints + 5000, None, "left", 1.0)
    with pytest.raises(SampleError, match="outside the picture"):
        frame(hand_images()[0].pixels, far, "hand", SIZE)


@pytest.mark.parametrize("side", ["left", "right"])
def test_valleys_are_computed_back_from_the_true_square(side: str) -> None:
    generator = HandGenerator(seed=4242, width=240, height=320)
    identity = generator.identity(1, side)  # type: ignore[arg-type]
    truth = generator.truth(identity, 1)
    first, second, centre = valleys_of(truth.roi_corners, truth.keypoints[5] - truth.keypoints[17])
    assert region(first, second, centre) == pytest.approx(truth.roi_corners, abs=0.01)
    k = truth.keypoints
    assert np.linalg.norm(first - k[[5, 9]].mean(axis=0)) < np.linalg.norm(second - k[[5, 9]].mean(axis=0))


def test_outline_points_lie_on_both_sides_at_equal_steps() -> None:
    mask = np.zeros((400, 300), bool)
    mask[100:300, 50:250] = True
    points = outline_near(mask, np.array([150.0, 90.0]))
    assert points.shape == (41, 2)
    assert points[20] == pytest.approx([150, 100.5], abs=1)
    assert np.hypot(*np.diff(points, axis=0).T) == pytest.approx(np.ones(40), abs=1e-3)
    with pytest.raises(SampleError):
        outline_near(np.zeros((9, 9), bool), np.array([1.0, 1.0]))
