from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from deidkit.hand import ValleyRule, palm_polygon, palm_region
from deidkit.hand.palm import filled
from deidkit.protocols import Hand


def test_the_variants_differ_by_the_thumbs_root(make_hand: Callable[..., Hand]) -> None:
    hand = make_hand()
    paper, program = palm_polygon(hand, "paper"), palm_polygon(hand, "program")
    points = {tuple(point) for point in hand.keypoints.tolist()}
    assert {tuple(point) for point in paper.tolist()} <= points
    assert tuple(hand.keypoints[1].tolist()) in {tuple(point) for point in paper.tolist()}
    assert tuple(hand.keypoints[1].tolist()) not in {tuple(point) for point in program.tolist()}
    assert cv2.contourArea(paper) > cv2.contourArea(program)


@pytest.mark.parametrize("variant", ["paper", "program"])
def test_the_region_has_the_polygons_area(make_hand: Callable[..., Hand], variant: str) -> None:
    for turn in (0.0, 0.4, 2.0):
        hand = make_hand(turn=turn, scale=2.0, at=(500, 500))
        region = palm_region(hand, variant, (1000, 1000))  # type: ignore[arg-type]
        assert region.dtype == bool
        assert region.sum() == pytest.approx(cv2.contourArea(palm_polygon(hand, variant)), rel=0.03)  # type: ignore[arg-type]


def test_the_region_ends_at_the_pictures_edge(make_hand: Callable[..., Hand]) -> None:
    assert palm_region(make_hand(at=(0, 0)), "paper", (50, 60)).shape == (50, 60)
    assert not palm_region(make_hand(at=(-900, 0)), "paper", (50, 60)).any()
    assert np.all(palm_region(make_hand(scale=50, at=(30, 2500)), "paper", (50, 60)))


def test_the_region_covers_all_that_recognizers_read(make_hand: Callable[..., Hand]) -> None:
    for left in (False, True):
        hand = make_hand(left=left, turn=0.3)
        corners = ValleyRule().corners(hand, np.zeros((1, 1, 3), np.uint8))
        read = filled(corners, (400, 400))
        assert palm_region(hand, "region", (400, 400), corners)[read].all()
        assert 0.8 < palm_region(hand, "paper", (400, 400))[read].mean() < 0.95
        paper, program = (palm_region(hand, variant, (400, 400)) for variant in ("paper", "program"))
        assert (palm_region(hand, "region", (400, 400), corners) >= paper | program).all()


def test_the_region_without_corners_is_refused(make_hand: Callable[..., Hand]) -> None:
    with pytest.raises(ValueError, match="needs the corners"):
        palm_region(make_hand(), "region", (400, 400))
