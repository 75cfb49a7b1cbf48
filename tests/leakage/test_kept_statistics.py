"""Statistics of a palm that stand in copies which show nothing of it at any place."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from deidkit.leakage import CopyRecord, examine_region, findings

from . import hands as drawn
from .hands import Drawn, hands, pictures

NOTHING = CopyRecord(changes=(), size=None, turn=None, geometry="in place", detail=0.0, found=0.0, chance=0.5)

Palm = Callable[[Drawn, np.ndarray, np.ndarray], np.ndarray]
"""Makes a palm, (h, w) float, of the original's grey levels, those of a fresh palm and a hand."""


def kept(make: Palm) -> str | None:
    """What of the palm's statistics the copies were found to keep; None for nothing."""
    copies, records = [], []
    for number, hand in enumerate(hands()):
        fresh = drawn.false_palm(hand, number)
        palm = make(hand, _level(hand.pixels), _level(fresh))
        copies.append(drawn.into_palm(hand, cv2.merge([np.clip(np.rint(palm), 0, 255).astype(np.uint8)] * 3)))
        shown = drawn.region(hand, cv2.merge([hand.palm.astype(np.uint8) * 255] * 3)) > 127
        ours, theirs = drawn.region(hand, hand.pixels), drawn.region(hand, copies[-1])
        records.append(examine_region(NOTHING, ours, theirs, shown, 128))
    originals = pictures([hand.pixels for hand in hands()])
    return {leak.finding: leak.detail for leak in findings(originals, pictures(copies), records)}.get("statistic kept")


def _level(picture: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float64)


def _along(hand: Drawn, original: np.ndarray, fresh: np.ndarray, turned: bool) -> np.ndarray:
    """The fresh palm with the original's sums along one side of the region of interest."""
    square = np.array([[0, 0], [128, 0], [128, 128], [0, 128]], np.float32)
    to_region = cv2.getPerspectiveTransform(hand.corners, square)
    ours, theirs = (cv2.warpPerspective(plane, to_region, (128, 128)) for plane in (original, fresh))
    theirs += (ours.mean(axis=int(turned)) - theirs.mean(axis=int(turned))).reshape((-1, 1) if turned else (1, -1))
    return cv2.warpPerspective(theirs, np.linalg.inv(to_region), fresh.shape[::-1], borderMode=cv2.BORDER_REFLECT)


def _with_its_levels(hand: Drawn, original: np.ndarray, fresh: np.ndarray) -> np.ndarray:
    """The original's levels in the order of the fresh palm's, and a little noise."""
    palm = fresh.copy()
    order = np.argsort(fresh[hand.palm] + 0.1 * _noise(hand)[hand.palm])
    levels = np.empty(len(order))
    levels[order] = np.sort(original[hand.palm])
    palm[hand.palm] = levels
    return palm + 0.5 * _noise(hand)


def _with_its_grain(hand: Drawn, original: np.ndarray, fresh: np.ndarray) -> np.ndarray:
    return fresh + original - cv2.GaussianBlur(original, (0, 0), 0.8)


def _of_another(hand: Drawn, original: np.ndarray, fresh: np.ndarray) -> np.ndarray:
    """The palm of a drawn hand that is none of these people's: palms have much in common."""
    other = drawn.hands(7326, len(drawn.hands()), 1)[[id(one) for one in hands()].index(id(hand))]
    there = cv2.getPerspectiveTransform(other.corners, hand.corners)
    return cv2.warpPerspective(_level(other.pixels), there, fresh.shape[::-1], borderMode=cv2.BORDER_REFLECT)


def _noise(hand: Drawn) -> np.ndarray:
    return np.random.default_rng(int(hand.corners.sum())).normal(0, 1, hand.palm.shape)


def _where_detail_is(hand: Drawn, original: np.ndarray, fresh: np.ndarray) -> np.ndarray:
    strength = cv2.GaussianBlur(np.abs(original - cv2.GaussianBlur(original, (0, 0), 2)), (0, 0), 4)
    return fresh + 2 * strength * _noise(hand)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda hand, original, fresh: _along(hand, original, fresh, False), "sums of columns"),
        (lambda hand, original, fresh: _along(hand, original, fresh, True), "sums of rows"),
        (_where_detail_is, "where detail is strong"),
        (_with_its_levels, "how often each level occurs"),
        (_with_its_grain, "finest grain"),
    ],
    ids=["columns", "rows", "detail", "levels", "grain"],
)
def test_statistics_of_the_original_are_found_and_named(make: Palm, name: str) -> None:
    assert name in (kept(make) or "").split(", ")


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        lambda hand, original, fresh: fresh,
        lambda hand, original, fresh: fresh + 6 * _noise(hand),
        lambda hand, original, fresh: fresh + cv2.GaussianBlur(original - original.mean(), (0, 0), 16),
        lambda hand, original, fresh: original[hand.palm].mean() + original[hand.palm].std() * _noise(hand),
        lambda hand, original, fresh: _level(drawn.pixelated(hand, 32)),
        lambda hand, original, fresh: np.full(fresh.shape, 90.0),
        _of_another,
    ],
    ids=["fresh", "noise", "light", "grain", "mosaic", "fill", "another's"],
)
def test_honest_palms_keep_no_statistic(make: Palm) -> None:
    assert kept(make) is None
