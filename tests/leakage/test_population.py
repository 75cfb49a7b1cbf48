"""All copies of an engine together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from deidkit.leakage import Pictures, Reference, examine, findings
from deidkit.protocols import Image

from . import hands as drawn
from .hands import SAMPLES, hands, pictures


@cache
def originals() -> Pictures:
    return pictures([hand.pixels for hand in hands()])


@cache
def references() -> list[Reference]:
    return [Reference(hand.pixels, hand.palm) for hand in hands()]


def found(copies: list[Image]) -> dict[str, tuple[int, str]]:
    """Name of each finding -> its count and detail."""
    records = [examine(reference, copy) for reference, copy in zip(references(), copies, strict=True)]
    return {leak.finding: (leak.count, leak.detail) for leak in findings(originals(), pictures(copies), records)}


def fresh() -> list[Image]:
    return [drawn.false_palm(hand, index) for index, hand in enumerate(hands())]


def shuffled() -> list[Image]:
    """Each gets the original of the next person."""
    return [hands()[(index + SAMPLES) % len(hands())].pixels for index in range(len(hands()))]


ALL = SAMPLES * drawn.SUBJECTS


def test_an_identity_is_unchanged_and_nothing_else() -> None:
    assert found([hand.pixels.copy() for hand in hands()]) == {"unchanged": (ALL, "")}


@pytest.mark.slow
def test_fresh_palms_are_not_accused() -> None:
    assert found(fresh()) == {}


def test_a_mask_is_not_accused() -> None:
    assert not set(found([drawn.filled(hand) for hand in hands()])) - {"same palm"}


@pytest.mark.slow
@pytest.mark.parametrize("sigma", [16, 32])
def test_what_a_wide_blur_leaves_is_no_pseudonym(sigma: float) -> None:
    assert not set(found([drawn.blurred(hand, sigma) for hand in hands()])) - {"same palm"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "stored",
    [
        lambda picture: picture,
        pytest.param(lambda picture: drawn.jpeg(picture, 30), marks=pytest.mark.nightly),
        lambda picture: drawn.jpeg(drawn.resized(picture, 0.5), 80),
        lambda picture: drawn.jpeg(np.ascontiguousarray(picture[:, ::-1]), 70),
        pytest.param(lambda picture: np.ascontiguousarray(np.rot90(picture, 2)), marks=pytest.mark.nightly),
    ],
    ids=["as it is", "JPEG", "half", "mirrored", "turned"],
)
def test_originals_of_others_are_found(stored) -> None:  # type: ignore[no-untyped-def]
    assert found([stored(picture) for picture in shuffled()])["another original"] == (ALL, "")


@pytest.mark.parametrize(
    "change",
    [lambda palm: palm, lambda palm: palm[:, ::-1], lambda palm: np.rot90(palm)],
    ids=["as it was", "mirrored", "turned"],
)
def test_palms_of_others_laid_into_the_own_hand_are_found(change: Callable[[Image], Image]) -> None:
    """The whole picture is the own one; only the palm is somebody else's."""
    side = 160
    square = np.array([[0, 0], [side, 0], [side, side], [0, side]], np.float32)
    copies = []
    for index, hand in enumerate(hands()):
        donor = hands()[(index + SAMPLES) % len(hands())]
        cut = cv2.getPerspectiveTransform(_wider(donor.corners), square)
        palm = np.ascontiguousarray(change(np.asarray(cv2.warpPerspective(donor.pixels, cut, (side, side)), np.uint8)))
        matrix = cv2.getPerspectiveTransform(square, _wider(hand.corners))
        laid = cv2.warpPerspective(palm, matrix, hand.palm.shape[::-1], borderMode=cv2.BORDER_REFLECT)
        copies.append(drawn.jpeg(drawn.into_palm(hand, np.asarray(laid, np.uint8)), 70))
    count, _ = found(copies)["another original"]
    assert count >= ALL // 2  # no engine has that by chance


def _wider(corners: NDArray[np.float32]) -> NDArray[np.float32]:
    """The region of interest, a quarter larger."""
    middle = corners.mean(axis=0)
    return np.asarray(middle + 1.25 * (corners - middle), np.float32)


def test_a_masked_picture_of_another_person_is_no_original() -> None:
    copies = [drawn.filled(hands()[(index + SAMPLES) % len(hands())]) for index in range(len(hands()))]
    assert "another original" not in found(copies)


@pytest.mark.slow
def test_copies_under_the_names_of_others_are_found() -> None:
    """However well the palm was treated: compared with another hand, any copy looks de-identified."""
    palms = [drawn.blurred(hand, 32) for hand in hands()]
    assert "misnamed" not in found(palms)
    assert found(palms[SAMPLES:] + palms[:SAMPLES])["misnamed"] == (ALL, "")
    palms[0], palms[SAMPLES] = palms[SAMPLES], palms[0]
    assert found(palms)["misnamed"] == (2, "")


@pytest.mark.slow
def test_where_surroundings_are_replaced_a_stranger_in_the_same_pose_proves_nothing() -> None:
    """Two people stand before a plain wall, one of the others holds the hand as the first of them does."""
    posed = hands()[:-SAMPLES] + [replace(hand, subject=drawn.SUBJECTS - 1) for hand in hands()[:SAMPLES]]
    draw, own = np.random.default_rng(4), []
    for hand in posed:
        wall = 255 * (cv2.GaussianBlur(draw.normal(0, 1, hand.palm.shape), (0, 0), 12) > 0)[:, :, None]
        far = cv2.dilate(hand.palm.astype(np.uint8), np.ones((41, 41), np.uint8)) == 0
        textured = np.where(far[:, :, None], hand.pixels // 2 + wall // 2, hand.pixels).astype(np.uint8)
        own.append(hand if hand.subject < 2 else replace(hand, pixels=textured))
    copies = [drawn.filled(hand) for hand in posed]
    records = [examine(Reference(hand.pixels, hand.palm), copy) for hand, copy in zip(own, copies, strict=True)]
    leaks = findings(pictures([hand.pixels for hand in own], own), pictures(copies, own), records)
    assert "misnamed" not in {leak.finding for leak in leaks}


@pytest.mark.slow
@pytest.mark.parametrize("levels", [0, 6])
def test_pictures_that_were_skipped_stand_out(levels: int) -> None:
    copies = [drawn.noisy(hand.pixels, levels) if index % 6 == 2 else copy
              for index, (hand, copy) in enumerate(zip(hands(), fresh(), strict=True))]  # fmt: skip
    assert found(copies)["skipped"] == (ALL // 6, "one in 6")


@pytest.mark.slow
def test_pictures_that_were_hardly_treated_stand_out() -> None:
    """Half of the original under a fresh palm: no single copy is called anything, but the others are all unlike."""
    copies = [hand.pixels // 2 + copy // 2 if index % 6 == 2 else copy
              for index, (hand, copy) in enumerate(zip(hands(), fresh(), strict=True))]  # fmt: skip
    assert found(copies)["skipped"] == (ALL // 6, "one in 6")


def test_a_person_who_was_skipped_stands_out() -> None:
    copies = [drawn.jpeg(hand.pixels, 70) if hand.subject == 3 else copy
              for hand, copy in zip(hands(), fresh(), strict=True)]  # fmt: skip
    assert found(copies)["skipped"] == (SAMPLES, "all pictures of 1 person")


def test_one_output_for_all_says_nothing() -> None:
    assert found([drawn.filled(hands()[0])] * ALL)["same output"] == (ALL, "")


def test_blank_pictures_hold_nothing() -> None:
    assert found([np.full_like(hand.pixels, 90) for hand in hands()]) == {"blank": (ALL, "")}


@pytest.mark.slow
def test_a_false_palm_for_each_person_is_a_pseudonym() -> None:
    assert found([drawn.false_palm(hand, 1000 + hand.subject) for hand in hands()])["pseudonym"] == (ALL, "")


@pytest.mark.slow
def test_a_false_palm_of_their_own_for_some_people_is_a_pseudonym() -> None:
    copies = [drawn.false_palm(hand, 1000 if hand.subject == 2 else number) for number, hand in enumerate(hands())]
    assert found(copies)["pseudonym"] == (SAMPLES, "")


@pytest.mark.slow
def test_one_false_palm_for_all_is_none() -> None:
    assert found([drawn.false_palm(hand, 5) for hand in hands()]) == {"same palm": (ALL, "")}
