"""Conformance suite of engines."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import numpy as np
import pytest

from deidkit.contracts import picture_fault
from deidkit.leakage import brought_to_size
from deidkit.protocols import Engine, Failure, Image
from deidkit.testing.base import PluginConformance
from deidkit.testing.examples import ExampleImage, hand_images, picture_without_hand, roi_images

Outputs = Sequence[Sequence[Image | Failure]]

_BRIGHT = 64
"""Mean background grey level above which a black copy of it counts as an error."""


class EngineConformance(PluginConformance):
    """Subclass me and set ``plugin`` to your engine's entry point."""

    kind = "engine"
    tolerance: ClassVar[int] = 0
    """Maximum difference, in grey levels, between results for one input and seed, e.g. from batched arithmetic."""

    @pytest.fixture
    def engine(self, tested: Engine) -> Engine:
        """The engine under test."""
        return tested

    @pytest.fixture
    def images(self) -> Sequence[ExampleImage]:
        """Pictures to de-identify; override this fixture if generated hands are not suitable."""
        return hand_images()[:4]

    def test_declares_itself(self, engine: Engine) -> None:
        """Flags are booleans, and the batch size is at least 1."""
        assert isinstance(engine.deterministic, bool)
        assert isinstance(engine.diverse, bool)
        assert isinstance(engine.control, bool)
        assert engine.batch_size >= 1

    def test_gives_one_result_for_each_picture_and_seed(self, engine: Engine, images: Sequence[ExampleImage]) -> None:
        """Results are in the order of pictures and seeds."""
        outputs = engine.deidentify(images, [0, 1, 2])
        assert len(outputs) == len(images)
        assert [len(items) for items in outputs] == [3] * len(images)
        assert engine.deidentify([], [0]) is not None
        assert len(engine.deidentify([], [0])) == 0

    def test_results_are_pictures_of_the_same_size_or_failures(
        self, engine: Engine, images: Sequence[ExampleImage]
    ) -> None:
        """Results are RGB uint8 arrays or failures, also for odd sizes, palm regions and pictures without a hand.

        An engine that says ``any_size = True`` may give pictures of another size.
        """
        inputs = [*images, *roi_images()[:1], picture_without_hand()]
        for image, items in zip(inputs, engine.deidentify(inputs, [0]), strict=True):
            for item in items:
                if isinstance(item, Failure):
                    assert item.stage
                    assert item.reason
                    assert image.sample.key not in item.reason, "a reason names no file: it is stored and shown"
                else:
                    assert not (fault := picture_fault(item)), f"the engine returned {fault}"
                    assert item.shape == image.pixels.shape or getattr(engine, "any_size", False), (
                        f"the engine returned a picture of another size, {item.shape} for {image.pixels.shape}; "
                        "any_size = True allows it"
                    )

    def test_leaves_the_originals_alone(self, engine: Engine, images: Sequence[ExampleImage]) -> None:
        """The engine neither writes to its input nor returns views of it, as the audit compares results with it."""
        before = [image.pixels.copy() for image in images]
        outputs = engine.deidentify(images, [0])
        for image, pixels, items in zip(images, before, outputs, strict=True):
            assert np.array_equal(image.pixels, pixels), "the engine wrote into its input"
            for item in items:
                assert isinstance(item, Failure) or not np.shares_memory(item, image.pixels)

    def test_makes_pictures_of_drawn_hands(self, engine: Engine, images: Sequence[ExampleImage]) -> None:
        """The engine succeeds on some picture, or else the other tests mean nothing; override `images` if necessary."""
        outputs = engine.deidentify(images, [0])
        assert any(not isinstance(item, Failure) for items in outputs for item in items), outputs

    def test_changes_the_palm_unless_it_is_a_control(self, engine: Engine, images: Sequence[ExampleImage]) -> None:
        """Copies differ from originals in the palm; an engine that returns its input must declare itself a control."""
        if engine.control:
            pytest.skip("a control need not change anything")
        for image, (item,) in zip(images, engine.deidentify(images, [0]), strict=True):
            if not isinstance(item, Failure) and not picture_fault(item):
                palm = image.palm_mask()
                assert (brought_to_size(item, image.pixels)[palm] != image.pixels[palm]).any(), (
                    "the engine left the palm as it was; what does so on purpose says control = True"
                )

    def test_keeps_the_light_and_the_order_of_colours(self, engine: Engine, images: Sequence[ExampleImage]) -> None:
        """Values are in 0..255 and channels in RGB order; catches unscaled floating-point values and OpenCV's BGR."""
        for image, (item,) in zip(images, engine.deidentify(images, [0]), strict=True):
            if isinstance(item, Failure) or picture_fault(item):
                continue
            around = ~image.palm_mask()
            if not around.any():  # a palm region, which may change entirely
                continue
            background = ~image.hand_mask()
            if background.any() and image.pixels[background].mean() > _BRIGHT:  # else a copy may be black as a whole
                assert item.max() > 1, "no value is over 1; pictures in 0..1 must be multiplied by 255 to become uint8"
            copy = brought_to_size(item, image.pixels)[around].astype(np.int16)
            apart, exchanged = (float(np.abs(order - image.pixels[around]).mean()) for order in (copy, copy[:, ::-1]))
            assert apart <= 1.5 * exchanged + 1, "red and blue are exchanged: pictures are RGB, and OpenCV's BGR"

    def test_a_seed_gives_the_same_picture_whatever_else_is_asked_for(
        self, engine: Engine, images: Sequence[ExampleImage]
    ) -> None:
        """Results do not depend on batch, order, other seeds or repetition."""
        if not engine.deterministic:
            pytest.skip("the engine does not claim to be deterministic")
        together = engine.deidentify(images, [0, 1])
        self._assert_alike(together, engine.deidentify(images, [0, 1]), "a second call")
        alone = [engine.deidentify([image], [0, 1])[0] for image in images]
        self._assert_alike(together, alone, "a picture on its own")
        backwards = engine.deidentify(list(reversed(images)), [1, 0])
        self._assert_alike(together, [list(reversed(items)) for items in reversed(backwards)], "the other order")
        self._assert_alike([items[1:] for items in together], engine.deidentify(images, [1]), "seed 1 on its own")

    def test_threads_give_the_same_pictures(self, engine: Engine, images: Sequence[ExampleImage]) -> None:
        """Engines with ``thread_safe = True`` give the same results from several threads."""
        if not getattr(engine, "thread_safe", False) or not engine.deterministic:
            pytest.skip("the engine does not claim to be thread-safe and deterministic")
        alone = [engine.deidentify([image], [0])[0] for image in images]
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(lambda image: engine.deidentify([image], [0])[0], [*images, *images]))
        self._assert_alike([*alone, *alone], together, "another thread")

    def test_seeds_do_what_is_claimed(self, engine: Engine, images: Sequence[ExampleImage]) -> None:
        """Diverse engines vary with the seed; others are run with one seed only."""
        pairs = [
            (first, second)
            for first, second in engine.deidentify(images, [0, 1])
            if not isinstance(first, Failure) and not isinstance(second, Failure)
        ]
        same = [np.array_equal(first, second) for first, second in pairs]
        if engine.diverse:
            assert not pairs or not all(same), "diverse, but seeds 0 and 1 give the same pictures"
        elif engine.deterministic:
            assert all(same), "not diverse, but seeds 0 and 1 give different pictures"

    def test_one_picture_without_a_hand_does_not_take_the_others_with_it(
        self, engine: Engine, images: Sequence[ExampleImage]
    ) -> None:
        """A picture without a hand gives a `Failure` or a picture, not an exception."""
        first, second = images[:2]
        outputs = engine.deidentify([first, picture_without_hand(), second], [0])
        assert len(outputs) == 3
        if engine.deterministic:
            self._assert_alike([outputs[0], outputs[2]], engine.deidentify([first, second], [0]), "a failing neighbour")

    def _assert_alike(self, one: Outputs, other: Outputs, what: str) -> None:
        for items, others in zip(one, other, strict=True):
            for a, b in zip(items, others, strict=True):
                if isinstance(a, Failure) or isinstance(b, Failure):
                    assert type(a) is type(b), f"{what} fails where the first call does not, or the other way round"
                else:
                    assert np.shape(a) == np.shape(b), f"{what} gives a picture of another size"
                    apart = int(np.abs(a.astype(np.int16) - b).max())
                    assert apart <= self.tolerance, f"{what} moves a pixel by {apart} levels"
