"""Resynth on pictures of many pixels, which are painted small and laid on in strips."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from deidkit import plugins
from deidkit.hand import ValleyRule
from deidkit.protocols import Image, Mask
from deidkit.testing import ExampleImage, hand_images, roi_images
from deidkit_engines.resynth import large

FACTOR = 4


@pytest.fixture(autouse=True)
def _many_pixels_are_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a test of a large picture does not take seconds."""
    monkeypatch.setattr(large, "MOST", 150_000)


def grown(pixels: Image) -> Image:
    """Enlarged, with a camera's noise, but in grey."""
    enlarged = cv2.resize(pixels, None, fx=FACTOR, fy=FACTOR, interpolation=cv2.INTER_CUBIC).astype(np.float32)
    enlarged += np.random.default_rng(0).normal(0, 4, (*enlarged.shape[:2], 1)).astype(np.float32)
    return np.clip(enlarged, 0, 255).astype(np.uint8)


def picture() -> ExampleImage:
    small = hand_images()[0]
    hands = [replace(hand, keypoints=FACTOR * hand.keypoints, box=FACTOR * hand.box) for hand in small.hands]
    mask = small.hand_mask().repeat(FACTOR, axis=0).repeat(FACTOR, axis=1)
    return replace(small, pixels=grown(small.pixels), hands=hands, mask=mask)


def copy_of(image: ExampleImage) -> Image:
    ((output,),) = plugins.create("engine", "resynth:palms=consistent")[0].deidentify([image], [0])
    assert isinstance(output, np.ndarray)
    return output


def square(image: ExampleImage) -> Mask:
    filled = np.zeros(image.pixels.shape[:2], np.uint8)
    corners = ValleyRule().corners(image.hands[0], image.pixels)
    cv2.fillConvexPoly(filled, np.round(corners - 0.5).astype(np.int32), 1)
    return np.asarray((filled > 0) & image.hand_mask())


def fine(pixels: Image) -> Image:
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.asarray(grey - cv2.GaussianBlur(grey, (0, 0), 1.5))


@pytest.mark.slow
def test_a_large_picture_gets_the_palm_of_a_small_one_with_the_grain_of_a_large_one() -> None:
    small, image = hand_images()[0], picture()
    output = copy_of(image)
    different = (output != image.pixels).any(axis=2)
    inside = square(image)
    assert different[inside].mean() > 0.8
    assert not different[~image.hand_mask()].any()
    shrunk = cv2.resize(output, small.pixels.shape[1::-1], interpolation=cv2.INTER_AREA)
    bands = [
        cv2.GaussianBlur(each, (0, 0), 1.5) - cv2.GaussianBlur(each, (0, 0), 6)
        for each in (cv2.cvtColor(p, cv2.COLOR_RGB2GRAY).astype(np.float32) for p in (shrunk, copy_of(small)))
    ]
    assert np.corrcoef(*(band[square(small)] for band in bands))[0, 1] > 0.6, "the same lines"
    made, own = fine(output), fine(image.pixels)
    assert 0.6 < made[inside].std() / own[inside].std() < 1.1
    # No strip shows where it ends: rows beside one another are as far apart everywhere.
    rows = np.flatnonzero(inside.sum(axis=1) > 300)[1:]
    steps = np.abs(made[rows] - made[rows - 1]).mean(axis=1, where=inside[rows])
    assert steps.max() < 1.3 * np.median(steps)


@pytest.mark.slow
def test_a_large_ready_roi_stays_grey() -> None:
    roi = roi_images()[0]
    image = replace(roi, pixels=grown(roi.pixels))
    output = copy_of(image)
    assert (output != image.pixels).any(axis=2).mean() > 0.8
    assert not np.ptp(output, axis=2).any()
