from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from deidkit.errors import SampleError
from deidkit.hand import ValleyRule, warp_roi
from deidkit.protocols import Hand, RoiRule
from deidkit.synthesis import HandGenerator

MakeHand = Callable[..., Hand]
NOTHING = np.zeros((1, 1, 3), np.uint8)
"""The rule looks at keypoints only."""
rules = st.builds(
    ValleyRule,
    offset=st.floats(-0.3, 0.5),
    side=st.floats(0.5, 2),
    position=st.floats(0, 0.5),
    points=st.sampled_from(["valleys", "knuckles"]),
    fit=st.sampled_from(["palm", "valleys"]),
)


def test_the_rule_is_a_plugin_of_its_kind() -> None:
    assert isinstance(ValleyRule(), RoiRule)


def test_corners_on_a_hands_own_valleys_are_pklnets() -> None:
    """Valley points (0, 0) and (100, 0) by construction, the wrist below: offset 15, side 120."""
    points = np.zeros((21, 2), np.float32)
    points[[17, 13, 18, 14]] = [[-10, 9], [10, 9], [-10, -11], [10, -11]]
    points[[9, 5, 10, 6]] = [[90, 9], [110, 9], [90, -11], [110, -11]]
    points[0] = [50, 150]
    hand = Hand(np.zeros(4, np.float32), points, None, "right", 1.0)
    assert ValleyRule(fit="valleys").corners(hand, NOTHING) == pytest.approx(
        np.array([[-10, 15], [110, 15], [110, 135], [-10, 135]]), abs=1e-4
    )


@given(rule=rules, left=st.booleans(), turn=st.floats(-3.2, 3.2), scale=st.floats(0.2, 8), x=st.floats(-500, 2000))
def test_the_region_moves_with_the_hand(
    make_hand: MakeHand, rule: ValleyRule, left: bool, turn: float, scale: float, x: float
) -> None:
    still = rule.corners(make_hand(left=left, at=(0, 0)), NOTHING)
    moved = rule.corners(make_hand(left=left, at=(x, 77), turn=turn, scale=scale), NOTHING)
    cos, sin = np.cos(turn), np.sin(turn)
    expected = scale * still @ np.array([[cos, sin], [-sin, cos]]) + [x, 77]
    assert np.abs(moved - expected).max() < 1e-3 * max(scale * 100, 1)


@given(rule=rules, turn=st.floats(-3.2, 3.2), left=st.booleans())
def test_the_region_is_an_upright_parallelogram_with_the_fingers_on_top(
    make_hand: MakeHand, rule: ValleyRule, turn: float, left: bool
) -> None:
    hand = make_hand(turn=turn, left=left)
    corners = rule.corners(hand, NOTHING).astype(float)
    across, down = corners[1] - corners[0], corners[3] - corners[0]
    assert corners[0] + corners[2] == pytest.approx(corners[1] + corners[3], abs=0.1)
    if rule.fit == "valleys":
        assert across @ down == pytest.approx(0, abs=0.1)
        assert np.linalg.norm(across) == pytest.approx(np.linalg.norm(down), rel=1e-4)
    assert across[0] * down[1] - across[1] * down[0] > 0  # turned, never mirrored
    assert down @ (hand.keypoints[0] - hand.keypoints[9]) > 0


def test_left_and_right_palms_look_alike(make_hand: MakeHand) -> None:
    rule, picture = ValleyRule(), np.random.default_rng(0).integers(0, 256, (400, 400, 3), dtype=np.uint8)
    picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 4))
    right = make_hand()
    left = make_hand(left=True, at=(400 - 200, 260))
    assert left.keypoints[:, 0] == pytest.approx(400 - right.keypoints[:, 0], abs=1e-3)
    mirrored = np.ascontiguousarray(picture[:, ::-1])
    one = warp_roi(picture, rule.corners(right, NOTHING), right).astype(int)
    other = warp_roi(mirrored, rule.corners(left, NOTHING), left).astype(int)
    assert one.shape == (128, 128)
    assert np.abs(one - other).max() <= 1


def test_the_index_finger_is_on_the_right(make_hand: MakeHand) -> None:
    for left in (False, True):
        hand = make_hand(left=left)
        picture = np.zeros((400, 400, 3), np.uint8)
        cv2.circle(picture, tuple(int(v) for v in hand.keypoints[5]), 12, (255, 255, 255), -1)
        roi = warp_roi(picture, ValleyRule(offset=-0.1, side=1.4).corners(hand, NOTHING), hand)
        assert roi[:, 64:].sum() > 10 * roi[:, :64].sum()


def test_a_region_at_the_edge_is_kept_and_one_beyond_it_is_refused(make_hand: MakeHand) -> None:
    picture = np.full((300, 300, 3), 100, np.uint8)
    hand = make_hand()
    corners = ValleyRule().corners(hand, NOTHING)
    side = float(np.linalg.norm(corners[1] - corners[0]))
    upright = np.array([[0, 0], [side, 0], [side, side], [0, side]], np.float32)
    kept = warp_roi(picture, upright - np.array([0.25 * side, 0], np.float32), hand)
    assert 0.2 < (kept == 0).mean() < 0.3
    with pytest.raises(SampleError, match="more than 30 % of the palm region lies outside the picture"):
        warp_roi(picture, upright - np.array([0.35 * side, 0], np.float32), hand)
    with pytest.raises(SampleError):
        warp_roi(picture, upright + 5000, hand)


def test_degenerate_keypoints_are_refused() -> None:
    same = Hand(np.zeros(4, np.float32), np.full((21, 2), 7, np.float32), None, "left", 1.0)
    for fit in ("palm", "valleys"):
        with pytest.raises(SampleError, match="coincide"):
            ValleyRule(fit=fit).corners(same, NOTHING)  # type: ignore[arg-type]
    line = np.zeros((21, 2), np.float32)
    line[:, 0] = np.arange(21) * 10
    unknown = np.full((21, 2), np.nan, np.float32)
    for fit, reason in (("palm", "line"), ("valleys", "wrist")):
        rule = ValleyRule(fit=fit)  # type: ignore[arg-type]
        with pytest.raises(SampleError, match=reason):
            rule.corners(Hand(np.zeros(4, np.float32), line, None, "left", 1.0), NOTHING)
        with pytest.raises(SampleError):
            rule.corners(Hand(np.zeros(4, np.float32), unknown, None, "left", 1.0), NOTHING)


def spread(hand: Hand, degrees: float) -> Hand:
    """The hand with its fingers fanned out (or closed) about their knuckles; the palm stays."""
    points = hand.keypoints.astype(float)
    for knuckle, share in ((5, 1.0), (9, 0.2), (13, -0.5), (17, -1.2)):
        turn = np.radians(degrees * share)
        cos, sin = np.cos(turn), np.sin(turn)
        finger = points[knuckle + 1 : knuckle + 4] - points[knuckle]
        points[knuckle + 1 : knuckle + 4] = points[knuckle] + finger @ np.array([[cos, sin], [-sin, cos]])
    return replace(hand, keypoints=points.astype(np.float32))


@pytest.mark.parametrize("hand_number", range(6))
def test_the_region_does_not_depend_on_how_fingers_are_spread(hand_number: int) -> None:
    """Drawn hands of six people, from nearly closed to wide open; sized by the valleys, the side varies by a fifth."""
    generator = HandGenerator(seed=5)
    truth = generator.truth(generator.identity(hand_number + 1), 0)
    still = Hand(np.zeros(4, np.float32), truth.keypoints, None, truth.handedness, 1.0)
    hands = [spread(still, degrees) for degrees in (-8, 0, 8, 16)]

    def sides(rule: ValleyRule) -> NDArray[np.float64]:
        regions = [rule.corners(hand, NOTHING) for hand in hands]
        return np.array([np.linalg.norm(corners[1] - corners[0]) for corners in regions])

    assert np.ptp(sides(ValleyRule(fit="valleys"))) > 0.15 * sides(ValleyRule(fit="valleys")).mean()
    first = ValleyRule().corners(hands[0], NOTHING)
    for hand in hands[1:]:
        assert ValleyRule().corners(hand, NOTHING) == pytest.approx(first, abs=1e-3)


@given(
    numbers=st.tuples(*[st.floats(-0.4, 0.4)] * 4), wide=st.floats(0.6, 1.4), left=st.booleans(), turn=st.floats(-3, 3)
)
def test_the_region_follows_a_tilted_palm(
    make_hand: MakeHand, numbers: tuple[float, ...], wide: float, left: bool, turn: float
) -> None:
    """A palm seen at an angle is an affine image of the palm, and its region that of the region."""
    hand = make_hand(left=left, turn=turn, at=(0, 0))
    seen = np.array([[wide, 0.5 * numbers[0]], [0.5 * numbers[1], 1 + numbers[2]]])
    tilted = replace(hand, keypoints=(hand.keypoints @ seen.T).astype(np.float32))
    expected = ValleyRule().corners(hand, NOTHING) @ seen.T
    assert ValleyRule().corners(tilted, NOTHING) == pytest.approx(expected, abs=0.05)
