"""Two hundred leaks, each found; honest engines, none accused."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from deidkit.leakage import CopyRecord, Reference, Turn, examine, examine_copy
from deidkit.leakage.turns import TURNS
from deidkit.protocols import Image

from . import hands as drawn
from .hands import COLOURS, FILES, Drawn, hands


def examined(hand: Drawn, copy: Image) -> CopyRecord:
    return examine_copy(hand.pixels, copy, hand.palm)


@pytest.mark.slow
def test_what_is_returned_as_it_was_is_unchanged() -> None:
    hand = hands()[0]
    assert examined(hand, hand.pixels.copy()).changes == ("unchanged",)


@pytest.mark.slow
@pytest.mark.parametrize("turn", TURNS, ids=str)
def test_originals_are_found_however_they_are_turned_coloured_and_stored(turn: Turn) -> None:
    """8 turns x 5 colours x 7 ways to store them, but for what is not changed at all: 279 leaks."""
    missed = []
    for index, (colour, file) in enumerate(product(COLOURS, FILES)):
        hand = hands()[index % len(hands())]
        copy = FILES[file](COLOURS[colour](turn.apply(hand.pixels)))
        if not examined(hand, copy).shows_original:
            missed.append((colour, file))
    assert not missed


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("hardly changed", lambda picture: drawn.jpeg(picture, 30)),
        ("hardly changed", lambda picture: drawn.noisy(picture, 8)),
        ("hardly changed", lambda picture: np.roll(picture, (2, 1), (0, 1))),
        ("turned", lambda picture: np.ascontiguousarray(np.rot90(picture))),
        ("turned", lambda picture: np.ascontiguousarray(np.rot90(picture, 2))),
        ("mirrored", lambda picture: np.ascontiguousarray(picture[:, ::-1])),
        ("rotated", lambda picture: drawn.rotated(picture, 37)),
        ("moved", lambda picture: np.ascontiguousarray(picture[60:, 30:])),
        ("inverted", lambda picture: 255 - picture),
        ("contrast crushed", COLOURS["at a third of the contrast"]),
        ("channels swapped", COLOURS["channels exchanged"]),
    ],
)
def test_a_finding_says_what_was_done(name: str, change: Callable[[Image], Image]) -> None:
    hand = hands()[4]
    assert name in examined(hand, change(hand.pixels)).changes


def test_a_picture_that_is_shifted_or_cut_is_found_whichever_it_is() -> None:
    """The edge of the hand, which stands beside the palm, does not drown it."""
    for hand in hands()[:12]:
        rows, columns = (length // 16 for length in hand.pixels.shape[:2])
        shifted = np.roll(hand.pixels, (rows, -columns), (0, 1))
        cut = np.ascontiguousarray(hand.pixels[2 * rows :, 2 * columns :])
        assert examined(hand, shifted).changes == ("moved",)
        assert examined(hand, cut).changes == ("moved",)


@pytest.mark.parametrize("share", [0.35, 0.5])
def test_a_palm_of_which_a_part_was_left_is_found(share: float) -> None:
    for hand in hands()[:6]:
        first = np.quantile(np.nonzero(hand.palm)[1], share)
        treated = np.arange(hand.palm.shape[1])[None, :, None] > first
        for whole in (drawn.filled(hand), drawn.false_palm(hand, 3)):
            copy = np.where(treated, whole, hand.pixels)
            assert examined(hand, copy).shows_original
            assert share < 0.5 or examined(hand, drawn.jpeg(copy, 80)).shows_original
            assert share > 0.35 or examined(hand, copy).changes == ("part left",)


@pytest.mark.parametrize("share", [0.25, 0.4])
def test_a_small_picture_of_the_original_within_the_copy_is_found(share: float) -> None:
    hand = hands()[3]
    inset = cv2.resize(hand.pixels, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    copy = drawn.filled(hand)
    copy[-len(inset) :, : inset.shape[1]] = inset
    assert "moved" in examined(hand, copy).changes


def _palm_square(hand: Drawn, side: int) -> Image:
    """The middle of the palm, three quarters of its width, `side` pixels wide."""
    left, top, width, height = cv2.boundingRect(hand.palm.astype(np.uint8))
    half, row, column = round(0.375 * min(width, height)), top + height // 2, left + width // 2
    square = hand.pixels[row - half : row + half, column - half : column + half]
    return np.asarray(cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def _in_corner(hand: Drawn, inset: Image) -> Image:
    copy = drawn.false_palm(hand, 5)
    copy[4 : 4 + len(inset), 4 : 4 + inset.shape[1]] = inset
    return copy


@pytest.mark.parametrize(
    "change",
    [
        lambda inset: inset,
        lambda inset: inset[:, ::-1],
        lambda inset: np.rot90(inset),
        lambda inset: (inset * 0.5).astype(np.uint8),
        lambda inset: drawn.jpeg(inset, 70),
        lambda inset: 255 - inset,
    ],
    ids=["plain", "mirrored", "turned", "dim", "JPEG", "inverted"],
)
def test_a_small_piece_of_the_palm_in_the_background_is_found(change: Callable[[Image], Image]) -> None:
    for hand in hands()[::6]:
        assert examined(hand, _in_corner(hand, change(_palm_square(hand, 40)))).shows_original


def test_a_small_piece_of_another_persons_palm_in_the_background_is_not_taken_for_the_own() -> None:
    for hand, other in zip(hands()[::6], hands()[4::6], strict=True):
        assert hand.subject != other.subject
        for inset in (_palm_square(other, 40), 255 - _palm_square(other, 60), np.full((60, 60, 3), 90, np.uint8)):
            assert not examined(hand, _in_corner(hand, inset)).shows_original


def test_a_small_palm_within_a_new_one_is_found_in_some_copies() -> None:
    """It is looked for in one copy of twelve: an engine that hides it in all is found out."""

    def hiding(hand: Drawn, share: float) -> Image:
        left, top, width, height = cv2.boundingRect(hand.palm.astype(np.uint8))
        palm = hand.pixels[top : top + height, left : left + width]
        inset = cv2.resize(palm, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)[:, ::-1]
        copy = drawn.false_palm(hand, 5)
        row, column = top + (height - len(inset)) // 2, left + (width - inset.shape[1]) // 2
        copy[row : row + len(inset), column : column + inset.shape[1]] = inset
        return copy

    copies = ((hand, hiding(hand, share)) for share in (0.3, 0.4, 0.5) for hand in hands())
    assert any("mirrored" in examined(hand, copy).changes for hand, copy in copies)


@pytest.mark.parametrize("side", [1, 12])
def test_a_palm_whose_pixels_lie_at_other_places_is_found(side: int) -> None:
    """Whatever key put them there."""
    hand = hands()[9]
    rows, columns = np.nonzero(hand.palm)
    top, left = int(np.median(rows)) - 4 * side, int(np.median(columns)) - 4 * side
    square = (slice(top, top + 8 * side), slice(left, left + 8 * side))
    blocks = hand.pixels[square].reshape(8, side, 8, side, 3).swapaxes(1, 2).reshape(64, side, side, 3)
    moved = blocks[np.random.default_rng(1).permutation(64)].reshape(8, 8, side, side, 3).swapaxes(1, 2)
    copy = hand.pixels.copy()
    copy[square] = moved.reshape(8 * side, 8 * side, 3)
    assert examined(hand, copy).shows_original
    everything = np.random.default_rng(2).permutation(hand.pixels.reshape(-1, 3)).reshape(hand.pixels.shape)
    assert examined(hand, everything).changes == ("shuffled",)
    assert examined(hand, np.roll(hand.pixels, hand.palm.shape[0] // 2, 0)).shows_original


@pytest.mark.parametrize("side", [1, 2, 20])
def test_a_palm_inverted_in_parts_is_found(side: int) -> None:
    """Whatever key says which parts."""
    hand = hands()[8]
    rows, columns = (-(-length // side) for length in hand.palm.shape)
    parts = np.random.default_rng(side).integers(0, 2, (rows, columns), np.uint8).repeat(side, 0).repeat(side, 1)
    inverted = hand.palm & (parts[: hand.palm.shape[0], : hand.palm.shape[1]] > 0)
    copy = np.where(inverted[:, :, None], 255 - hand.pixels, hand.pixels)
    changes = examined(hand, copy).changes
    assert "inverted" in changes or (side == 1 and changes == ("hidden channel",))


def _across(shape: tuple[int, ...], width: int) -> NDArray[np.int_]:
    return np.where(np.arange(shape[1])[None, :, None] // width % 2, 1, -1)


@pytest.mark.parametrize(
    "sign",
    [
        lambda shape: _across(shape, 1),
        lambda shape: _across(shape, 2),
        lambda shape: _across(shape[1::-1], 2).swapaxes(0, 1),
        lambda shape: np.where(np.indices(shape[:2]).sum(axis=0) % 2, 1, -1)[:, :, None],
    ],
    ids=["columns", "pairs of columns", "pairs of rows", "chequered"],
)
def test_a_palm_that_alternates_from_pixel_to_pixel_is_found(
    sign: Callable[[tuple[int, ...]], NDArray[np.int_]],
) -> None:
    hand = hands()[5]
    levels = hand.pixels.astype(np.float32)
    hidden = (levels - cv2.GaussianBlur(levels, (0, 0), 12)) * sign(hand.pixels.shape)
    copy = np.clip(drawn.filled(hand) + hidden * hand.palm[:, :, None], 0, 255).astype(np.uint8)
    assert examined(hand, copy).changes == ("hidden channel",)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_palms_in_low_bits_are_found(bits: int) -> None:
    hand = hands()[6]
    assert examined(hand, drawn.in_low_bits(hand, bits)).changes == ("low bits",)


def test_a_palm_in_one_channel_is_found() -> None:
    hand = hands()[7]
    assert examined(hand, drawn.in_blue(hand)).changes == ("hidden channel",)


def test_a_palm_that_is_turned_by_itself_is_found() -> None:
    hand = hands()[2]
    rows, columns = np.nonzero(hand.palm)
    matrix = cv2.getRotationMatrix2D((float(columns.mean()), float(rows.mean())), 180, 1)
    turned = cv2.warpAffine(hand.pixels, matrix, hand.palm.shape[::-1])
    assert examined(hand, drawn.into_palm(hand, np.asarray(turned, np.uint8))).shows_original


@pytest.mark.parametrize("degrees", [17, 64, 133, 251, 308])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_palm_rotated_within_its_outline_is_found(degrees: int, mirrored: bool) -> None:
    """Its corners are cut off and others come in from beside it."""
    hand = hands()[degrees % len(hands())]
    rotated = drawn.rotated_palm(hand, degrees, mirrored=mirrored)
    assert ("mirrored" if mirrored else "rotated") in examined(hand, rotated).changes


@pytest.mark.parametrize("degrees", [35, 140, 222, 305])
def test_a_picture_rotated_on_its_own_canvas_is_found(degrees: int) -> None:
    hand = hands()[degrees % len(hands())]
    height, width = hand.palm.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    copy = np.asarray(cv2.warpAffine(hand.pixels, matrix, (width, height)), np.uint8)
    assert "rotated" in examined(hand, copy).changes


HONEST: dict[str, Callable[[int, Drawn], Image]] = {
    "mask": lambda _, hand: drawn.filled(hand),
    "blur of 16": lambda _, hand: drawn.blurred(hand, 16),
    "pixelate of 16": lambda _, hand: drawn.pixelated(hand, 16),
    "pixelate of 32": lambda _, hand: drawn.pixelated(hand, 32),
    "fresh palm": lambda index, hand: drawn.false_palm(hand, index),
    "fresh palm as JPEG": lambda index, hand: drawn.jpeg(drawn.false_palm(hand, index), 60),
    "random pixels": lambda _, hand: drawn.random_pixels(hand),
    "mask, turned": lambda _, hand: np.ascontiguousarray(np.rot90(drawn.filled(hand))),
}


@pytest.mark.slow
@pytest.mark.parametrize("engine", HONEST)
def test_honest_engines_are_not_accused(engine: str) -> None:
    """Outside of the palm their copies are the originals, and that is as it should be."""
    for index, hand in enumerate(hands()):
        assert examined(hand, HONEST[engine](index, hand)).changes == ()


@pytest.mark.slow
def test_palms_of_other_people_are_not_the_own() -> None:
    for index, hand in enumerate(hands()):
        other = hands()[(index + drawn.SAMPLES) % len(hands())]
        assert not examined(hand, other.pixels).changes


@pytest.mark.parametrize("copy", [lambda hand: drawn.blurred(hand, 4), lambda hand: drawn.pixelated(hand, 7)])
def test_weak_engines_leave_detail_and_are_not_called_unchanged(copy: Callable[[Drawn], Image]) -> None:
    for hand in hands()[::3]:
        assert examined(hand, copy(hand)).changes == ("detail left",)


def test_without_a_palm_mask_a_change_of_one_part_counts() -> None:
    hand = hands()[0]
    reference = Reference(hand.pixels, None)
    assert examine(reference, drawn.jpeg(hand.pixels, 80)).changes == ("hardly changed",)
    assert not examine(reference, drawn.filled(hand)).shows_original
    assert not examine(reference, drawn.false_palm(hand, 1)).shows_original


def test_a_palm_without_detail_is_judged_by_its_levels() -> None:
    original = np.full((120, 160, 3), 130, np.uint8)
    palm = np.zeros((120, 160), bool)
    palm[30:90, 40:120] = True
    below, above = original + np.uint8(1), original + np.uint8(3)
    assert examine_copy(original, below, palm).changes == ("hardly changed",)
    assert examine_copy(original, above, palm).changes == ()


def test_sizes_are_told_apart() -> None:
    hand = hands()[0]
    copy = drawn.filled(hand)
    assert examined(hand, copy).size is None
    assert examined(hand, drawn.resized(copy, 0.5)).size == "resized"
    assert examined(hand, np.ascontiguousarray(copy[:300])).size == "reshaped"
    turned = examined(hand, np.ascontiguousarray(np.rot90(copy, 3)))
    assert (turned.size, turned.turn) == ("swapped", "turned by 270 degrees counter-clockwise")


@pytest.mark.slow
def test_regions_of_photographs(tongji: list[Image]) -> None:
    """On the palm regions of a public set: originals are found in every disguise, other people's palms are not."""
    for index, region in enumerate(tongji):
        reference = Reference(region, np.ones(region.shape[:2], bool))
        for copy in (drawn.jpeg(region, 60), region[:, ::-1], np.rot90(region), 255 - region):
            assert examine(reference, np.ascontiguousarray(copy)).shows_original
        other = tongji[(index + 5) % len(tongji)]
        assert not examine(reference, other).changes


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(0, 199), st.integers(0, 149)), min_size=1, max_size=6))
@example([(50, 50), (50, 99), (99, 50), (99, 99)])
@example([(0, 0)])
@settings(max_examples=40, deadline=None)
def test_a_palm_of_a_few_points_is_no_defect(points: list[tuple[int, int]]) -> None:
    """A segmenter may return any mask; its points may all be as far from their middle."""
    rng = np.random.default_rng(0)
    original, copy = (rng.integers(0, 256, (200, 150, 3), np.uint8) for _ in range(2))
    palm = np.zeros((200, 150), dtype=bool)
    palm[tuple(np.transpose(points))] = True
    record = examine_copy(original, copy, palm)
    assert np.isfinite([record.detail, record.found, record.chance]).all()


@pytest.mark.slow
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_small_rotated_picture_beside_a_false_palm_is_found(mirrored: bool) -> None:
    """A third as large as it was, in a corner of the picture."""
    changes = []
    for number, hand in enumerate(hands()[::3]):
        rows, columns = np.flatnonzero(hand.palm.any(axis=1)), np.flatnonzero(hand.palm.any(axis=0))
        palm = hand.pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        small = drawn.rotated(drawn.resized(palm[:, ::-1] if mirrored else palm, 0.35), 25 + 50 * number)
        copy = drawn.false_palm(hand, number)
        copy[: small.shape[0], : small.shape[1]] = small
        changes.append(examine_copy(hand.pixels, copy, hand.palm).changes)
    wanted = "mirrored" if mirrored else "rotated"
    assert sum(wanted in change for change in changes) >= len(changes) // 2


@pytest.mark.slow
def test_another_persons_small_rotated_picture_is_not_taken_for_the_own() -> None:
    for number, hand in enumerate(hands()[::3]):
        small = drawn.rotated(drawn.resized(hands()[3 * number - 3].pixels, 0.35), 25 + 50 * number)
        copy = drawn.false_palm(hand, number)
        copy[: small.shape[0], : small.shape[1]] = small
        assert not examine_copy(hand.pixels, copy, hand.palm).shows_original
