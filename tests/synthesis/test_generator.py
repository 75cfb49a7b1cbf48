from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from deidkit.hand.mediapipe import MediaPipe
from deidkit.hand.roi import ValleyRule, warp_roi
from deidkit.protocols import Hand
from deidkit.synthesis import HandGenerator, SyntheticHand

SMALL = HandGenerator(seed=5, width=240, height=320)
NOTHING = np.zeros((1, 1, 3), np.uint8)
"""The valley rule looks at keypoints only."""


def as_hand(drawn: SyntheticHand) -> Hand:
    return Hand(np.zeros(4, np.float32), drawn.keypoints, None, drawn.handedness, 1.0)


def palm_width(drawn: SyntheticHand) -> float:
    return float(np.linalg.norm(drawn.keypoints[5] - drawn.keypoints[17]))


def same(one: SyntheticHand, other: SyntheticHand) -> bool:
    return (
        np.array_equal(one.pixels, other.pixels)
        and np.array_equal(one.mask, other.mask)
        and np.array_equal(one.keypoints, other.keypoints)
        and np.array_equal(one.roi_corners, other.roi_corners)
    )


@pytest.mark.slow
def test_a_picture_depends_on_its_numbers_alone() -> None:
    wanted = [(subject, hand, number) for subject in (3, 70_000) for hand in ("left", "right") for number in (1, 2)]
    drawn = {key: SMALL.sample(SMALL.identity(*key[:2]), key[2]) for key in wanted}
    np.random.seed(1)  # global state must not matter
    again = HandGenerator(5, 240, 320)
    with ThreadPoolExecutor(4) as pool:
        repeated = list(pool.map(lambda key: again.sample(again.identity(*key[:2]), key[2]), reversed(wanted)))
    assert all(same(drawn[key], other) for key, other in zip(reversed(wanted), repeated, strict=True))


def test_a_new_process_draws_the_same_bits() -> None:
    here = SMALL.sample(SMALL.identity(1), 1).pixels
    program = (
        "import sys; from deidkit.synthesis import HandGenerator as G; g = G(5, 240, 320);"
        "sys.stdout.buffer.write(g.sample(g.identity(1), 1).pixels.tobytes())"
    )
    there = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, env={**os.environ, "PYTHONHASHSEED": "7"}
    )
    assert there.stdout == here.tobytes()


def test_seed_subject_hand_and_sample_each_make_another_picture() -> None:
    other = HandGenerator(6, 240, 320)
    pictures = [
        SMALL.sample(SMALL.identity(1), 1),
        SMALL.sample(SMALL.identity(1), 2),
        SMALL.sample(SMALL.identity(2), 1),
        SMALL.sample(SMALL.identity(1, "left"), 1),
        other.sample(other.identity(1), 1),
    ]
    assert len({drawn.pixels.tobytes() for drawn in pictures}) == 5
    surfaces = [SMALL.identity(1), SMALL.identity(2), SMALL.identity(1, "left"), other.identity(1)]
    assert len({identity.surface.layers.tobytes() for identity in surfaces}) == 4


def test_both_hands_of_a_person_share_tone_and_build_but_not_lines() -> None:
    people = [(SMALL.identity(n, "left"), SMALL.identity(n, "right")) for n in range(12)]
    assert all(left.tone == right.tone for left, right in people)
    builds = np.array([[hand.anatomy.keypoints for hand in person] for person in people])
    own = np.abs(builds[:, 0] - builds[:, 1]).mean()
    others = np.abs(builds[:, 0] - np.roll(builds[:, 1], 1, axis=0)).mean()
    assert 0 < own < 0.6 * others


@given(seed=st.integers(0, 2**64), subject=st.integers(0, 10**6), left=st.booleans(), number=st.integers(1, 1000))
@settings(max_examples=40, deadline=None)
def test_the_truth_without_the_picture(seed: int, subject: int, left: bool, number: int) -> None:
    generator = HandGenerator(seed)
    truth = generator.truth(generator.identity(subject, "left" if left else "right"), number)
    k, corners = truth.keypoints, truth.roi_corners
    assert k.shape == (21, 2) and k.dtype == np.float32 and np.isfinite(k).all()
    assert (k > -30).all() and (k[:, 0] < 630).all() and (k[:, 1] < 830).all()
    # Fingers point up, and the thumb of a left hand whose palm is seen is on the left.
    assert (k[[8, 12, 16], 1] < k[[5, 9, 13], 1]).all() and k[9, 1] < k[0, 1]
    assert (k[5, 0] < k[17, 0]) == left
    # The ROI is a square, clockwise from the top left, its top towards the fingers, of more than 150 pixels.
    sides = np.roll(corners, -1, axis=0) - corners
    lengths = np.hypot(*sides.T)
    assert np.allclose(lengths, lengths[0], rtol=1e-3) and lengths[0] > 150
    assert abs(float(sides[0] @ sides[1])) < 1e-2 * lengths[0] ** 2
    assert sides[0, 0] > 0 and sides[1, 1] > 0
    rule = ValleyRule().corners(Hand(np.zeros(4, np.float32), k, None, truth.handedness, 1.0), NOTHING)
    assert np.abs(rule - corners).max() < 0.25 * lengths[0]


@pytest.mark.parametrize("hand", ["left", "right"])
def test_the_truth_fits_the_picture(hand: str) -> None:
    for subject in range(4):
        identity = SMALL.identity(subject, hand)  # type: ignore[arg-type]
        drawn = SMALL.sample(identity, 1)
        truth = SMALL.truth(identity, 1)
        assert np.array_equal(truth.keypoints, drawn.keypoints) and np.array_equal(truth.roi_corners, drawn.roi_corners)
        assert drawn.pixels.shape == (320, 240, 3) and drawn.pixels.dtype == np.uint8
        assert drawn.mask.shape == (320, 240) and drawn.mask.dtype == np.bool_
        assert drawn.handedness == hand
        columns, rows = np.clip(np.floor(drawn.keypoints).astype(int), 0, [239, 319]).T
        inside = drawn.mask[rows, columns]
        assert inside.all(), np.nonzero(~inside)
        outline, _ = cv2.findContours(drawn.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        assert len(outline) == 1, "a hand is one piece"
        assert drawn.mask[-1].any(), "the arm leaves the picture below"
        # Each finger ends soon after its tip keypoint, and between two neighbours there is background.
        for tip, below in ((8, 7), (12, 11), (16, 15), (20, 19)):
            beyond = drawn.keypoints[tip] + 0.2 * palm_width(drawn) * unit(
                drawn.keypoints[tip] - drawn.keypoints[below]
            )
            column, row = np.clip(beyond.astype(int), 0, [239, 319])
            assert not drawn.mask[row, column] or row == 0


def unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vector / np.linalg.norm(vector))


def structure(drawn: SyntheticHand) -> NDArray[np.float64]:
    """A region's lines: what is left when light and noise are taken away."""
    roi = warp_roi(drawn.pixels, drawn.roi_corners, as_hand(drawn)).astype(np.float32)
    band = cv2.GaussianBlur(roi, (0, 0), 2) - cv2.GaussianBlur(roi, (0, 0), 6)
    return (band - band.mean()) / band.std()


def alike(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Highest correlation over small shifts."""
    core = one[12:-12, 12:-12].astype(np.float32)
    return float(cv2.matchTemplate(other.astype(np.float32), core, cv2.TM_CCOEFF_NORMED).max())


@pytest.mark.slow
def test_pictures_of_one_hand_show_the_same_lines_and_those_of_others_do_not() -> None:
    generator = HandGenerator(seed=11, width=420, height=560)
    hands = [[structure(generator.sample(generator.identity(n), k)) for k in (1, 2)] for n in range(6)]
    genuine = [alike(*pair) for pair in hands]
    impostor = [alike(hands[i][0], hands[j][1]) for i in range(6) for j in range(6) if i != j]
    assert min(genuine) > max(impostor), (genuine, impostor)
    assert np.median(impostor) < 0.35


def test_left_hands_are_drawn_as_mirror_images() -> None:
    """A left palm, mirrored by the ROI's own rule, has its index side where a right palm has it."""
    for hand in ("left", "right"):
        drawn = SMALL.sample(SMALL.identity(2, hand), 3)  # type: ignore[arg-type]
        top_left, top_right = drawn.roi_corners[:2]
        index_is_right = float((top_right - top_left) @ (drawn.keypoints[5] - drawn.keypoints[17])) > 0
        assert index_is_right == (hand == "right")


@pytest.mark.parametrize("arguments", [{"seed": -1}, {"width": 100}, {"height": 20}])
def test_impossible_generators_are_refused(arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"must be"):
        HandGenerator(**arguments)


def test_other_sizes_show_the_same_hands() -> None:
    large, small = HandGenerator(3), HandGenerator(3, 300, 400)
    assert np.allclose(
        large.truth(large.identity(1), 1).keypoints, 2 * small.truth(small.identity(1), 1).keypoints, atol=0.05
    )


@pytest.mark.slow
def test_the_hand_detector_finds_drawn_hands_where_they_are(analyzer: MediaPipe) -> None:
    generator = HandGenerator(seed=21)
    for subject in range(6):
        drawn = generator.sample(generator.identity(subject, "left" if subject % 2 else "right"), 1)
        found = analyzer.detect(drawn.pixels)
        assert len(found) == 1
        assert found[0].handedness == drawn.handedness
        errors = np.linalg.norm(found[0].keypoints - drawn.keypoints, axis=1) / palm_width(drawn)
        assert errors.mean() < 0.06
        centre, side = found_roi(found[0]), np.linalg.norm(drawn.roi_corners[1] - drawn.roi_corners[0])
        assert np.linalg.norm(centre - drawn.roi_corners.mean(axis=0)) < 0.1 * side


def found_roi(hand: Hand) -> NDArray[np.float32]:
    return np.asarray(ValleyRule().corners(hand, NOTHING).mean(axis=0))
