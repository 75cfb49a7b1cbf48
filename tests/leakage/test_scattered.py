"""Palms that were cut up and joined in another order, or pushed round, and stored again."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from deidkit.leakage import CopyRecord, examine_region
from deidkit.protocols import GreyImage

from . import hands as drawn
from .hands import hands

EVERY = 3
"""Of the pictures; one of each person is enough."""

NOTHING = CopyRecord(changes=(), size=None, turn=None, geometry="in place", detail=0.0, found=0.0, chance=0.5)
"""What was found of a copy before."""


def stored(region: GreyImage, quality: int) -> GreyImage:
    """As JPEG and read again."""
    return drawn.jpeg(cv2.merge([region] * 3), quality)[:, :, 1]


def blocks(region: GreyImage, draw: np.random.Generator) -> GreyImage:
    """Blocks of 16 pixels in any order."""
    cut = region.reshape(8, 16, 8, 16).swapaxes(1, 2).reshape(64, 16, 16)[draw.permutation(64)]
    return cut.reshape(8, 8, 16, 16).swapaxes(1, 2).reshape(128, 128)


def pushed(region: GreyImage, draw: np.random.Generator) -> GreyImage:
    return np.roll(region, tuple(draw.integers(30, 98, 2)), (0, 1))


def rows_pushed(region: GreyImage, draw: np.random.Generator) -> GreyImage:
    """Every eight rows by another distance."""
    return np.concatenate([np.roll(part, int(draw.integers(128)), 1) for part in np.split(region, 16)])


def resampled(region: GreyImage, draw: np.random.Generator) -> GreyImage:
    small = cv2.resize(blocks(region, draw), (112, 112), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (128, 128), interpolation=cv2.INTER_CUBIC), np.uint8)


def found(treat: Callable[[GreyImage, np.random.Generator], GreyImage]) -> list[tuple[str, ...]]:
    """What is found in regions, each treated with a key of its own."""
    result = []
    for number, hand in enumerate(hands()[::EVERY]):
        original = drawn.region(hand, hand.pixels)
        copy = treat(original, np.random.default_rng(number))
        result.append(examine_region(NOTHING, original, copy).changes)
    return result


@pytest.mark.parametrize(
    ("treat", "name"),
    [
        (lambda region, draw: stored(blocks(region, draw), 80), "shuffled"),
        (resampled, "shuffled"),
        (lambda region, draw: stored(pushed(region, draw), 75), "moved"),
        (lambda region, draw: stored(rows_pushed(region, draw), 85), "moved"),
    ],
    ids=["JPEG", "resampled", "pushed", "rows pushed"],
)
def test_what_was_cut_and_joined_anew_is_found(
    treat: Callable[[GreyImage, np.random.Generator], GreyImage], name: str
) -> None:
    changes = found(treat)
    assert changes.count((name,)) >= len(changes) - 1


def _fresh(region: GreyImage, draw: np.random.Generator) -> GreyImage:
    hand = hands()[0]
    return drawn.region(hand, drawn.false_palm(hand, int(draw.integers(1000))))


def _mean(region: GreyImage, draw: np.random.Generator) -> GreyImage:
    """Of many other palms, which all lie about as the own one does."""
    others = [drawn.region(hand, hand.pixels) for hand in hands()]
    apart = [other for other in others if np.abs(other.astype(int) - region).mean() > 4]
    return np.mean(apart, axis=0).round().astype(np.uint8)


@pytest.mark.parametrize(
    "treat",
    [
        _fresh,
        _mean,
        lambda region, draw: stored(_fresh(region, draw), 30),
        lambda region, draw: np.full_like(region, 128),
        lambda region, draw: draw.integers(0, 256, region.shape).astype(np.uint8),
        lambda region, draw: blocks(_fresh(region, draw), draw),
        lambda region, draw: np.asarray(cv2.GaussianBlur(region, (0, 0), 4), np.uint8),
    ],
    ids=["fresh", "mean of others", "JPEG 30", "mask", "noise", "blocks of a fresh one", "blurred in its place"],
)
def test_what_was_made_anew_or_stayed_in_its_place_is_not_accused(
    treat: Callable[[GreyImage, np.random.Generator], GreyImage],
) -> None:
    assert set(found(treat)) == {()}


def test_a_mosaic_is_not_shuffled() -> None:
    """What it left alone fits where it was, and nowhere else."""

    def mosaic(region: GreyImage, draw: np.random.Generator) -> GreyImage:
        rough = cv2.resize(
            cv2.resize(region, (8, 8), interpolation=cv2.INTER_AREA), (128, 128), interpolation=cv2.INTER_NEAREST
        )
        copy = region.copy()
        copy[32:96, 32:96] = rough[32:96, 32:96]
        return copy

    assert all("shuffled" not in changes for changes in found(mosaic))
