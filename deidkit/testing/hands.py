"""Conformance suites of hand analyzers, segmenters and ROI rules."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from deidkit.protocols import Hand, HandAnalyzer, RoiRule, Segmenter
from deidkit.testing.base import PluginConformance
from deidkit.testing.examples import ExampleImage, hand_images, picture_without_hand


class _WithPictures(PluginConformance):
    @pytest.fixture
    def images(self) -> Sequence[ExampleImage]:
        """Pictures with ground truth; override this fixture if generated hands are not suitable."""
        return hand_images()


class HandAnalyzerConformance(_WithPictures):
    """Subclass me and set ``plugin`` to your hand analyzer's entry point."""

    kind = "hand_analyzer"
    keypoint_tolerance: ClassVar[float] = 0.25
    """Maximum mean keypoint error, relative to the palm's length, for a hand to count as found."""

    @pytest.fixture
    def analyzer(self, tested: HandAnalyzer) -> HandAnalyzer:
        """The analyzer under test."""
        return tested

    def test_hands_are_well_formed(self, analyzer: HandAnalyzer, images: Sequence[ExampleImage]) -> None:
        """Hands have valid shapes, types and values, and are in descending order of confidence."""
        for image in images:
            hands = analyzer.detect(image.pixels)
            assert [hand.score for hand in hands] == sorted((hand.score for hand in hands), reverse=True)
            for hand in hands:
                assert_well_formed(hand)

    def test_finds_the_hands(self, analyzer: HandAnalyzer, images: Sequence[ExampleImage]) -> None:
        """Most hands are found, with keypoints in MediaPipe's order."""
        found = 0
        for image in images:
            truth = image.hands[0].keypoints
            palm = float(np.linalg.norm(truth[9] - truth[0]))
            for hand in analyzer.detect(image.pixels)[:1]:
                apart = np.linalg.norm(hand.keypoints - truth, axis=1).mean()
                found += apart <= self.keypoint_tolerance * palm
        assert found > len(images) / 2

    def test_same_picture_same_hands(self, analyzer: HandAnalyzer, images: Sequence[ExampleImage]) -> None:
        """Results do not depend on earlier pictures, and the picture is not modified."""
        first = analyzer.detect(images[0].pixels)
        before = images[0].pixels.copy()
        for image in images[1:]:
            analyzer.detect(image.pixels)
        again = analyzer.detect(images[0].pixels)
        assert np.array_equal(images[0].pixels, before)
        assert len(first) == len(again)
        for one, other in zip(first, again, strict=True):
            assert one.keypoints == pytest.approx(other.keypoints, abs=1e-3)

    def test_threads_give_the_same_hands(self, analyzer: HandAnalyzer, images: Sequence[ExampleImage]) -> None:
        """Several threads give the same hands, as the audit analyses pictures in parallel."""
        alone = [analyzer.detect(image.pixels) for image in images]
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(lambda image: analyzer.detect(image.pixels), images))
        for one, other in zip(alone, together, strict=True):
            assert len(one) == len(other)
            for hand, same in zip(one, other, strict=True):
                assert hand.keypoints == pytest.approx(same.keypoints, abs=1e-3)

    @pytest.mark.parametrize("side", [1, 8, 64])
    def test_pictures_without_a_hand_are_no_error(self, analyzer: HandAnalyzer, side: int) -> None:
        """Pictures without a hand, of any size, raise no error."""
        assert analyzer.detect(np.zeros((side, side, 3), np.uint8)) is not None
        for hand in analyzer.detect(picture_without_hand().pixels):
            assert_well_formed(hand)


class SegmenterConformance(_WithPictures):
    """Subclass me and set ``plugin`` to your segmenter's entry point."""

    kind = "segmenter"
    overlap: ClassVar[float] = 0.5
    """Minimum mean intersection over union with the true mask."""

    @pytest.fixture
    def segmenter(self, tested: Segmenter) -> Segmenter:
        """The segmenter under test."""
        return tested

    def test_masks_fit_the_picture_and_the_hand(self, segmenter: Segmenter, images: Sequence[ExampleImage]) -> None:
        """Masks are boolean, have the picture's size and overlap the true hand."""
        overlaps = []
        for image in images:
            mask, truth = segmenter.segment(image.pixels, image.hands[0]), image.hand_mask()
            assert mask.dtype == np.bool_
            assert mask.shape == image.pixels.shape[:2]
            overlaps.append(np.count_nonzero(mask & truth) / np.count_nonzero(mask | truth))
        assert np.mean(overlaps) >= self.overlap, overlaps

    def test_same_picture_same_mask(self, segmenter: Segmenter, images: Sequence[ExampleImage]) -> None:
        """Results do not depend on earlier calls; picture and keypoints are not modified."""
        image, hand = images[0], images[0].hands[0]
        pixels, keypoints = image.pixels.copy(), hand.keypoints.copy()
        first = segmenter.segment(image.pixels, hand)
        segmenter.segment(images[1].pixels, images[1].hands[0])
        assert np.array_equal(segmenter.segment(image.pixels, hand), first)
        assert np.array_equal(image.pixels, pixels)
        assert np.array_equal(hand.keypoints, keypoints)

    def test_a_hand_that_leaves_the_picture_is_no_error(
        self, segmenter: Segmenter, images: Sequence[ExampleImage]
    ) -> None:
        """Keypoints outside of the picture, as of a cut-off finger, raise no error."""
        image = images[0]
        width = image.pixels.shape[1]
        mask = segmenter.segment(image.pixels, moved(image.hands[0], np.array([0.4 * width, 0], np.float32)))
        assert mask.shape == image.pixels.shape[:2]


class RoiRuleConformance(_WithPictures):
    """Subclass me and set ``plugin`` to your ROI rule's entry point."""

    kind = "roi_rule"
    tolerance: ClassVar[float] = 0.002
    """Maximum error of a corner, relative to the region's side, when picture and hand move together; increase it for a
    rule that uses the pixels."""

    @pytest.fixture
    def rule(self, tested: RoiRule) -> RoiRule:
        """The rule under test."""
        return tested

    def test_corners_are_a_region_with_the_fingers_up(self, rule: RoiRule, images: Sequence[ExampleImage]) -> None:
        """Corners are (4, 2) float32 in order around the region, with its top on the fingers' side."""
        for image in images:
            hand = image.hands[0]
            corners = rule.corners(hand, image.pixels)
            assert corners.shape == (4, 2)
            assert corners.dtype == np.float32
            assert np.isfinite(corners).all()
            assert abs(area(corners)) > 1
            middle, wrist = hand.keypoints[12], hand.keypoints[0]
            top, bottom = corners[:2].mean(axis=0), corners[2:].mean(axis=0)
            assert (top - bottom) @ (middle - wrist) > 0, "the top edge is not the fingers' side"

    def test_the_region_moves_and_grows_with_the_hand(self, rule: RoiRule, images: Sequence[ExampleImage]) -> None:
        """The region is translated and scaled with the hand."""
        right, down = 31, 17
        for image in images:
            hand = image.hands[0]
            corners = rule.corners(hand, image.pixels)
            bound = self.tolerance * abs(area(corners)) ** 0.5
            framed = np.pad(image.pixels, ((down, 0), (right, 0), (0, 0)), mode="edge")
            step = np.array([right, down], np.float32)
            assert np.abs(rule.corners(moved(hand, step), framed) - step - corners).max() <= bound
            twice = replace(hand, keypoints=2 * hand.keypoints, box=2 * hand.box)
            large = image.pixels.repeat(2, axis=0).repeat(2, axis=1)
            assert np.abs(rule.corners(twice, large) / 2 - corners).max() <= bound

    def test_same_picture_same_region(self, rule: RoiRule, images: Sequence[ExampleImage]) -> None:
        """Results do not depend on order or threads; picture and keypoints are not modified."""
        before = [(image.pixels.copy(), image.hands[0].keypoints.copy()) for image in images]
        alone = [rule.corners(image.hands[0], image.pixels) for image in images]
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(lambda image: rule.corners(image.hands[0], image.pixels), images[::-1]))
        assert np.array_equal(alone, together[::-1])
        for image, (pixels, keypoints) in zip(images, before, strict=True):
            assert np.array_equal(image.pixels, pixels)
            assert np.array_equal(image.hands[0].keypoints, keypoints)


def assert_well_formed(hand: Hand) -> None:
    """Check one hand against the contract of `deidkit.protocols.Hand`."""
    assert hand.box.shape == (4,)
    assert hand.box.dtype == np.float32
    assert hand.box[0] < hand.box[2]
    assert hand.box[1] < hand.box[3]
    assert hand.keypoints.shape == (21, 2)
    assert hand.keypoints.dtype == np.float32
    assert np.isfinite(hand.keypoints).all()
    if hand.keypoints_3d is not None:
        assert hand.keypoints_3d.shape == (21, 3)
        assert hand.keypoints_3d.dtype == np.float32
        assert np.abs(hand.keypoints_3d).max() < 1, "3-D keypoints are in metres"
    assert hand.handedness in ("left", "right")
    assert 0 <= hand.score <= 1


def moved(hand: Hand, step: NDArray[np.float32]) -> Hand:
    """Translate a hand by (2,) pixels."""
    return replace(hand, keypoints=hand.keypoints + step, box=hand.box + np.tile(step, 2))


def area(corners: NDArray[np.float32]) -> float:
    """Signed area of a polygon, by the shoelace formula."""
    x, y = corners.astype(np.float64).T
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) / 2)
