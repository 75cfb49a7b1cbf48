from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from deidkit.errors import SampleError
from deidkit.hand import DetectedHands, HandAnalysis, ValleyRule, palm_region
from deidkit.hand.grabcut import GrabCut
from deidkit.hand.palm import filled
from deidkit.protocols import Failure, Hand, Image, Sample


@dataclass
class Told:
    """An analyzer that is told what to find, and counts how often it is asked."""

    hands: list[Hand]
    asked: int = 0
    version: str = field(default="1")

    def detect(self, image: Image) -> Sequence[Hand]:
        self.asked += 1
        return self.hands


PIXELS = np.random.default_rng(0).integers(0, 256, (400, 400, 3), dtype=np.uint8)


def analysis_of(*hands: Hand) -> tuple[HandAnalysis, Told]:
    told = Told(list(hands))
    return HandAnalysis(analyzer=told, segmenter=GrabCut(), roi_rule=ValleyRule(), palm="paper"), told


def test_hands_are_looked_for_once_and_only_when_asked(make_hand: Callable[..., Hand]) -> None:
    analysis, told = analysis_of(make_hand())
    image = analysis.image(Sample("a", "1"), PIXELS)
    assert told.asked == 0
    image.palm_mask()
    image.hand_mask()
    analysis.roi(image)
    assert told.asked == 1


def test_the_pixels_are_read_only(make_hand: Callable[..., Hand]) -> None:
    analysis, _ = analysis_of(make_hand())
    own = PIXELS.copy()
    image = analysis.image(Sample("a", "1"), own)
    with pytest.raises(ValueError, match="read-only"):
        image.pixels[0, 0] = 0
    own[0, 0] = 0  # the caller's array stays the caller's
    with pytest.raises(ValueError, match="read-only"):
        image.hand_mask()[0, 0] = True


def test_the_palm_lies_within_polygon_and_hand(make_hand: Callable[..., Hand]) -> None:
    hands = [make_hand(scale=0.7, at=(110, 200)), make_hand(left=True, scale=0.7, at=(290, 380))]
    analysis, _ = analysis_of(*hands)
    image = analysis.image(Sample("a", "1"), PIXELS)
    polygons = palm_region(hands[0], "paper", (400, 400)) | palm_region(hands[1], "paper", (400, 400))
    assert np.array_equal(image.palm_mask(), polygons & image.hand_mask())
    for hand in hands:
        x, y = hand.keypoints[[0, 5, 17]].mean(axis=0).astype(int)
        assert image.palm_mask()[y, x]


def test_no_hand_is_an_outcome() -> None:
    analysis, _ = analysis_of()
    image = analysis.image(Sample("a", "1"), PIXELS)
    assert list(image.hands) == []
    for ask in (image.hand_mask, image.palm_mask, lambda: analysis.roi(image), lambda: analysis.corners(image)):
        with pytest.raises(SampleError, match=r"^no hand found$"):
            ask()


@pytest.mark.parametrize("shape", [(128, 128), (150, 150), (64, 90), (500, 300)])
def test_a_ready_roi_is_taken_as_it_is(shape: tuple[int, int]) -> None:
    analysis, told = analysis_of()
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    image = analysis.image(Sample("a", "1", kind="roi"), pixels)
    assert list(image.hands) == []
    assert image.hand_mask().all()
    assert image.palm_mask().all()
    roi = analysis.roi(image)
    assert roi.shape == (128, 128)
    assert roi.dtype == np.uint8
    assert analysis.corners(image)[2].tolist() == [shape[1], shape[0]]
    assert told.asked == 0


def test_a_grey_roi_of_the_right_size_is_unchanged() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (128, 128), dtype=np.uint8)
    analysis, _ = analysis_of()
    image = analysis.image(Sample("a", "1", kind="roi"), np.repeat(grey[..., None], 3, axis=2))
    assert np.array_equal(analysis.roi(image), grey)


def test_a_copy_can_be_cut_where_the_original_shows_the_hand(make_hand: Callable[..., Hand]) -> None:
    analysis, _ = analysis_of(make_hand())
    blind, _ = analysis_of()
    original = analysis.image(Sample("a", "1"), PIXELS)
    copy = blind.image(Sample("a", "1"), PIXELS)
    assert np.array_equal(analysis.roi_placed_as(copy, original), analysis.roi(original))


def two_hands(make_hand: Callable[..., Hand]) -> list[Hand]:
    return [make_hand(scale=0.7, at=(110, 200)), make_hand(left=True, scale=0.7, at=(290, 380))]


def test_every_hand_has_its_region_and_its_palm(make_hand: Callable[..., Hand]) -> None:
    hands = two_hands(make_hand)
    analysis, _ = analysis_of(*hands)
    image = analysis.image(Sample("a", "1"), PIXELS)
    first, second = analysis.rois(image)
    assert np.array_equal(first, analysis.roi(image))
    (alone,) = analysis_of(hands[1])[0].rois(analysis_of(hands[1])[0].image(Sample("a", "1"), PIXELS))
    assert np.array_equal(second, alone)
    masks = image.palm_masks()
    assert len(masks) == 2
    assert np.array_equal(masks[0] | masks[1], image.palm_mask())
    for hand, mask in zip(hands, masks, strict=True):
        x, y = hand.keypoints[[0, 5, 17]].mean(axis=0).astype(int)
        assert mask[y, x]


@pytest.mark.parametrize("places", [np.nan, np.inf, 1e6, -1e6])
def test_keypoints_that_no_picture_has_are_refused(places: float, make_hand: Callable[..., Hand]) -> None:
    """They would be looked for, in hours and gigabytes."""
    analysis, _ = analysis_of(replace(make_hand(), keypoints=np.full((21, 2), places, np.float32)))
    with pytest.raises(SampleError, match="placed keypoints where the picture cannot have any"):
        analysis.image(Sample("a", "1"), PIXELS).palm_mask()


def test_an_analyzer_that_finds_none_in_place_of_nothing_fails_the_picture() -> None:
    analysis, told = analysis_of()
    told.hands = None  # type: ignore[assignment]
    with pytest.raises(SampleError, match="the hand analyzer raised TypeError"):
        analysis.image(Sample("a", "1"), PIXELS).palm_mask()


def test_a_hand_without_region_does_not_take_the_others_with_it(make_hand: Callable[..., Hand]) -> None:
    analysis, _ = analysis_of(make_hand(), make_hand(at=(5000, 5000)))
    first, second = analysis.rois(analysis.image(Sample("a", "1"), PIXELS))
    assert isinstance(first, np.ndarray)
    assert second == Failure("roi", "more than 30 % of the palm region lies outside the picture")


def test_a_copy_without_hands_is_cut_where_each_hand_of_the_original_is(make_hand: Callable[..., Hand]) -> None:
    analysis, _ = analysis_of(*two_hands(make_hand))
    blind, told = analysis_of()
    original, copy = analysis.image(Sample("a", "1"), PIXELS), blind.image(Sample("a", "1"), PIXELS)
    for one, other in zip(analysis.rois(original), blind.rois_placed_as(copy, original), strict=True):
        assert np.array_equal(one, other)
    assert told.asked == 0
    assert analysis.rois_placed_as(original, copy) == [Failure("hand", "no hand found")]


def test_a_palm_that_cannot_be_treated_fails_the_picture(make_hand: Callable[..., Hand]) -> None:
    """What was found is still recognized, so that a second palm protects nobody."""
    analysis, told = analysis_of()
    told.hands = DetectedHands([make_hand()], unread=2)  # type: ignore[assignment]
    image = analysis.image(Sample("a", "1"), PIXELS)
    assert image.unread_palms == 2
    with pytest.raises(SampleError, match=r"^3 palms are seen, and keypoints found for 1 only$"):
        image.palm_mask()
    assert isinstance(analysis.rois(image)[0], np.ndarray)


def test_the_palm_variant_region_leaves_nothing_of_what_is_read(make_hand: Callable[..., Hand]) -> None:
    paper, _ = analysis_of(make_hand())
    region = replace(paper, palm="region")
    for analysis in (paper, region):
        image = analysis.image(Sample("a", "1"), PIXELS)
        mask = palm_region(image.hands[0], analysis.palm, (400, 400), image.roi_corners(image.hands[0]))
        assert np.array_equal(image.palm_mask(), mask & image.hand_mask())
    assert mask[filled(region.corners(image), (400, 400))].all()
