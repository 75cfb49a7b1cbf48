"""Which side of the hand is seen; photographs and model files may be absent, and then those tests are skipped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from deidkit.hand.mediapipe import MediaPipe
from deidkit.hand.side import handedness, side
from deidkit.protocols import Hand


def in_space(hand: Hand, towards_camera: float) -> NDArray[np.float32]:
    """Keypoints in metres, the fingertips before (or behind) the palm's plane."""
    points = np.column_stack([hand.keypoints / 1000, np.zeros(21)])
    points[[8, 12, 16, 20], 2] = -towards_camera  # z away from the camera
    return points.astype(np.float32)


@pytest.mark.parametrize("left", [False, True])
def test_both_cues_must_agree(make_hand: Callable[..., Hand], left: bool) -> None:
    hand = make_hand(left=left)
    as_palm, as_back = (0.02, 0.98) if left else (0.98, 0.02)
    before, behind = in_space(hand, 0.05), in_space(hand, -0.05)
    assert side(as_palm, hand.keypoints, before) == "palm"
    assert side(as_back, hand.keypoints, behind) == "back"
    for probability, metres in ((as_palm, behind), (as_back, before), (0.5, behind), (as_back, in_space(hand, 0.0))):
        assert side(probability, hand.keypoints, metres) is None


def test_the_back_of_a_right_hand_is_a_right_hand(make_hand: Callable[..., Hand]) -> None:
    looks_left = make_hand(left=True)
    assert handedness(0.96, looks_left.keypoints) == "right"
    assert handedness(0.60, looks_left.keypoints) == "left"  # a doubtful answer does not outweigh the palm's view


@pytest.mark.slow
def test_photographs_of_palms_and_backs(
    analyzer: MediaPipe, coep: dict[str, NDArray[np.uint8]], open_photos: dict[str, NDArray[np.uint8]]
) -> None:
    """Mirrored or not: no palm is called a back, and every back is found."""
    seen: Counter[tuple[bool, str | None]] = Counter()
    for name, picture in {**coep, **open_photos}.items():
        for upright in (picture, np.ascontiguousarray(picture[:, ::-1])):
            (hand,) = analyzer.detect(upright)
            seen[name.endswith("_d"), hand.side] += 1
    assert seen[False, "back"] == 0
    assert seen[False, None] <= 2
    assert seen[True, "back"] == sum(count for (is_back, _), count in seen.items() if is_back)
