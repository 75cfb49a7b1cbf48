"""Conformance suite of measures of quality."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from deidkit.measures import IntervalSettings
from deidkit.protocols import Image, QualityMeasure
from deidkit.result import Estimate
from deidkit.testing.base import PluginConformance
from deidkit.testing.examples import hand_images

Pairs = list[tuple[Image, list[Image]]]


class QualityMeasureConformance(PluginConformance):
    """Subclass me and set ``plugin`` to your measure's entry point."""

    kind = "quality_measure"

    @pytest.fixture
    def measure(self, tested: QualityMeasure) -> QualityMeasure:
        """The measure under test."""
        return tested

    @pytest.fixture
    def pairs(self) -> Pairs:
        """Generated hands, each with two copies: identical and inverted."""
        return [(image.pixels, [image.pixels.copy(), 255 - image.pixels]) for image in hand_images()[:3]]

    def test_one_entry_for_each_copy_whatever_else_is_measured(self, measure: QualityMeasure, pairs: Pairs) -> None:
        """There is one entry for each copy, independent of other copies and threads; pictures are not modified."""
        before = [original.copy() for original, _ in pairs]
        together = [np.asarray(measure.measure(*pair)) for pair in pairs]
        assert {values.shape for values in together} == {(2, *together[0].shape[1:])}
        alone = np.asarray(measure.measure(pairs[0][0], pairs[0][1][1:]))
        assert alone[0] == pytest.approx(together[0][1], rel=1e-4, abs=1e-6)
        with ThreadPoolExecutor(3) as pool:
            in_threads = list(pool.map(lambda pair: np.asarray(measure.measure(*pair)), pairs))
        for one, other in zip(together, in_threads, strict=True):
            assert one == pytest.approx(other, rel=1e-4, abs=1e-6)
        assert all(np.array_equal(*pair) for pair in zip(before, (original for original, _ in pairs), strict=True))

    def test_worse_copies_have_a_worse_number(self, measure: QualityMeasure, pairs: Pairs) -> None:
        """The estimate is worse, in the direction of `safer`, for worse copies."""
        same, other = (self._estimate(measure, pairs, place) for place in (0, 1))
        assert same.value is not None
        assert other.value is not None
        assert same.safer in ("higher", "lower")
        assert same.value < other.value if same.safer == "lower" else same.value > other.value
        assert same.unit

    def _estimate(self, measure: QualityMeasure, pairs: Pairs, place: int) -> Estimate:
        found: list[NDArray[np.floating]] = [measure.measure(original, [both[place]]) for original, both in pairs]
        numbers = np.arange(len(pairs), dtype=np.int32)
        return measure.estimate(np.concatenate(found), numbers, numbers, IntervalSettings())
