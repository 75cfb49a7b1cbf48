"""Conformance suite of recognizers."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from deidkit.protocols import Recognizer
from deidkit.testing.base import PluginConformance
from deidkit.testing.examples import hand_images, palm_rois

Inputs = Sequence[Any]
"""A batch of a recognizer's inputs, palm regions or pictures."""

Templates = NDArray[Any]
"""(samples, ...) templates of any form."""


class RecognizerConformance(PluginConformance):
    """Subclass me and set ``plugin`` to your recognizer's entry point."""

    kind = "recognizer"
    tolerance: ClassVar[float] = 1e-5
    """Maximum difference between two distances of the same pictures, relative to the score range."""

    @pytest.fixture
    def recognizer(self, tested: Recognizer) -> Recognizer:
        """The recognizer under test."""
        return tested

    @pytest.fixture
    def images(self, recognizer: Recognizer) -> Inputs:
        """Inputs, palm ROIs or whole pictures; override this fixture if generated ones are not suitable."""
        return palm_rois() if recognizer.input == "roi" else hand_images()

    @pytest.fixture
    def templates(self, recognizer: Recognizer, images: Inputs) -> Templates:
        """Templates of all images in one batch."""
        return recognizer.extract(images)

    def test_declares_itself(self, recognizer: Recognizer) -> None:
        """Kind of input and score range are valid."""
        assert recognizer.input in ("roi", "hand")
        low, high = recognizer.score_range
        assert np.isfinite([low, high]).all()
        assert low < high

    def test_templates_are_one_array(self, templates: Templates, images: Inputs) -> None:
        """Templates are one array of finite numbers, with the batch as its first axis."""
        assert isinstance(templates, np.ndarray)
        assert templates.ndim >= 2
        assert len(templates) == len(images)
        assert templates.dtype != object
        assert templates.dtype.kind != "f" or np.isfinite(templates).all()

    def test_a_template_does_not_depend_on_its_batch(
        self, recognizer: Recognizer, images: Inputs, templates: Templates
    ) -> None:
        """Single, partial and full batches give templates of the same type, and the same distances."""
        alone = [recognizer.extract([image]) for image in images]
        for single in alone:
            assert single.dtype == templates.dtype
            assert single.shape[1:] == templates.shape[1:]
        together = recognizer.compare(templates, templates)
        self._assert_alike(together, recognizer.compare(np.concatenate(alone), templates), recognizer)
        half = len(images) // 2
        parts = np.concatenate([recognizer.extract(images[:half]), recognizer.extract(images[half:])])
        self._assert_alike(together, recognizer.compare(parts, templates), recognizer)

    def test_threads_give_the_same_templates(
        self, recognizer: Recognizer, images: Inputs, templates: Templates
    ) -> None:
        """Recognizers with ``thread_safe = True`` give the same templates from several threads."""
        if not getattr(recognizer, "thread_safe", False):
            pytest.skip("the recognizer does not claim to be thread-safe")
        with ThreadPoolExecutor(4) as pool:
            parts = np.concatenate(list(pool.map(lambda image: recognizer.extract([image]), images)))
        self._assert_alike(recognizer.compare(templates, templates), recognizer.compare(parts, templates), recognizer)

    def test_leaves_the_images_alone(self, recognizer: Recognizer, images: Inputs) -> None:
        """Images are not modified, as other recognizers receive the same ones."""
        pixels: Sequence[Any] = [getattr(image, "pixels", image) for image in images]
        before = [picture.copy() for picture in pixels]
        recognizer.extract(images)
        assert all(np.array_equal(picture, old) for picture, old in zip(pixels, before, strict=True))

    def test_distances_are_a_block_within_the_range(self, recognizer: Recognizer, templates: Templates) -> None:
        """Distances are a (probes, references) block of floats within the score range."""
        block = recognizer.compare(templates[:2], templates)
        low, high = recognizer.score_range
        assert block.shape == (2, len(templates))
        assert block.dtype.kind == "f"
        assert np.isfinite(block).all()
        assert block.min() >= low
        assert block.max() <= high

    def test_steps_are_the_same_distances(self, recognizer: Recognizer, templates: Templates) -> None:
        """`compare_in_steps`, if there is one, agrees with `compare`."""
        steps = getattr(recognizer, "distance_steps", None)
        if steps is not None:
            counted = recognizer.compare_in_steps(templates[:2], templates)
            assert counted.dtype == np.uint16
            assert np.array_equal(counted / steps, recognizer.compare(templates[:2], templates))

    def test_distances_are_symmetric(self, recognizer: Recognizer, templates: Templates) -> None:
        """Distances are symmetric, as the core computes each pair only once."""
        block = recognizer.compare(templates, templates)
        self._assert_alike(block, block.T, recognizer)

    def test_nothing_is_closer_than_the_same_picture(self, recognizer: Recognizer, templates: Templates) -> None:
        """A template is closest to itself; fails for similarities instead of distances."""
        block = recognizer.compare(templates, templates)
        own = np.diagonal(block)
        low, high = recognizer.score_range
        slack = self.tolerance * (high - low)
        assert (own <= block.min(axis=1) + slack).all(), "another picture is closer: are these similarities?"
        assert own.mean() < block[~np.eye(len(block), dtype=bool)].mean(), "all pictures are equally far"

    def test_a_distance_does_not_depend_on_its_block(self, recognizer: Recognizer, templates: Templates) -> None:
        """Distances do not depend on the block, as the core splits comparisons into tiles and runs them in parallel."""
        whole = recognizer.compare(templates, templates)
        self._assert_alike(whole[1:3, 2:], recognizer.compare(templates[1:3], templates[2:]), recognizer)
        with ThreadPoolExecutor(4) as pool:
            rows = list(
                pool.map(lambda row: recognizer.compare(templates[row : row + 1], templates), range(len(whole)))
            )
        self._assert_alike(whole, np.concatenate(rows), recognizer)

    def _assert_alike(self, one: Templates, other: Templates, recognizer: Recognizer) -> None:
        low, high = recognizer.score_range
        assert np.abs(np.asarray(one, np.float64) - other).max() <= self.tolerance * (high - low)
