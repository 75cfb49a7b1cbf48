"""What copies hold beside the palm, or in the strengths of its frequencies alone."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from deidkit.leakage import CopyRecord, Reference, examine_copy, examine_region
from deidkit.leakage.beside import written_beside
from deidkit.leakage.writing import CELLS, writing, written_count
from deidkit.protocols import Image

from . import hands as drawn
from .hands import SAMPLES, Drawn, hands
from .test_population import ALL, found

NOTHING = CopyRecord(changes=(), size=None, turn=None, geometry="in place", detail=0.0, found=0.0, chance=0.5)


@pytest.mark.parametrize("levels", [-3, 1, 2])
def test_faint_numbers_beside_the_palm_are_found(levels: int) -> None:
    for hand in hands()[::SAMPLES]:
        assert examine_copy(hand.pixels, drawn.written(hand, levels, f"{hand.subject:03d}"), hand.palm).beside


def test_numbers_next_to_a_palm_with_a_hard_edge_are_found() -> None:
    for hand in hands()[::SAMPLES]:
        rows, columns = (np.flatnonzero(hand.palm.any(axis=axis)) for axis in (1, 0))
        place = int(columns[-1]) + 6, int(rows.mean())
        assert examine_copy(hand.pixels, drawn.written(hand, 3, f"{hand.subject:03d}", at=place), hand.palm).beside


@pytest.mark.slow
def test_numbers_beside_palms_are_counted() -> None:
    copies = [drawn.written(hand, -2, f"{hand.subject:03d}") for hand in hands()]
    assert found(copies)["written beside"] == (ALL, "")


@pytest.mark.slow
def test_one_makers_mark_for_all_names_nobody() -> None:
    assert "written beside" not in found([drawn.written(hand, -2, "made by us") for hand in hands()])


def _dotted(hand: Drawn) -> Image:
    copy = drawn.false_palm(hand, hand.subject)
    copy[2 + 3 * hand.subject, 7] ^= 2
    return copy


def _on_one_person(hand: Drawn) -> Image:
    return drawn.written(hand, -2, "made by us") if hand.subject == 4 else drawn.false_palm(hand, 5)


def _of_levels(hand: Drawn) -> Image:
    copy = drawn.false_palm(hand, 7)
    strip = copy[4:9, 10:40]
    strip[:] = cv2.subtract(strip, np.full_like(strip, 1 + hand.subject))
    return copy


def _of_noise(hand: Drawn) -> Image:
    copy = drawn.false_palm(hand, 7).astype(int)
    copy[4:14, 10:40] += np.random.default_rng(hand.subject).choice([-1, 1], (10, 30, 1))
    return np.asarray(np.clip(copy, 0, 255), np.uint8)


def _blended(hand: Drawn, share: float, text: str) -> Image:
    """A white text of which the ground shows through, its edges soft."""
    copy = drawn.false_palm(hand, 7)
    glyphs = cv2.putText(np.zeros(copy.shape[:2], np.uint8), text, (6, 30), 0, 0.9, 255, 2, cv2.LINE_AA)
    weight = share * glyphs[:, :, None].astype(np.float32) / 255
    return np.asarray(np.rint(copy + weight * (255 - copy.astype(np.float32))), np.uint8)


def _counted(treat: Callable[[Drawn], Image]) -> int:
    return written_count([written_beside(hand.pixels, treat(hand), hand.palm) for hand in hands()])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("treat", "count"),
    [
        (_dotted, ALL),
        (_on_one_person, SAMPLES),
        (_of_levels, ALL),
        (_of_noise, ALL),
        (lambda hand: _blended(hand, 0.3, f"N {hand.subject}"), ALL),
    ],
    ids=["place", "one person", "strength", "pattern", "blended number"],
)
def test_marks_that_tell_people_apart_are_counted(treat: Callable[[Drawn], Image], count: int) -> None:
    assert _counted(treat) == count


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.1, 0.3])
def test_one_blended_mark_for_all_names_nobody(share: float) -> None:
    assert _counted(lambda hand: _blended(hand, share, "ACME")) == 0


@pytest.mark.parametrize("scale", [1.0, 1.5])
def test_names_that_everybody_can_read_are_found(scale: float) -> None:
    for hand in hands()[::6]:
        copy = drawn.false_palm(hand, 3)
        cv2.putText(copy, f"{hand.subject:03d} Jo", (6, int(40 * scale)), 0, scale, (255, 255, 255), 2)
        assert written_beside(hand.pixels, copy, hand.palm)


def test_many_dots_are_found() -> None:
    for hand in hands()[::6]:
        copy, places = drawn.false_palm(hand, 3), np.random.default_rng(hand.subject)
        copy[places.integers(0, copy.shape[0], 60), places.integers(0, copy.shape[1], 60)] ^= 2
        assert written_beside(hand.pixels, copy, hand.palm)


def test_a_single_pixel_is_found() -> None:
    hand = hands()[0]
    copy = drawn.false_palm(hand, 1)
    copy[5, 7] += 2
    assert examine_copy(hand.pixels, copy, hand.palm).beside


def _narrow_edged(hand: Drawn) -> Image:
    return _soft_edged(hand, 2.5)


def _soft_edged(hand: Drawn, width: float = 5) -> Image:
    weight = cv2.GaussianBlur(hand.palm.astype(np.float32), (0, 0), width)[:, :, None]
    soft = weight * drawn.false_palm(hand, 3) + (1 - weight) * hand.pixels
    return np.asarray(soft, np.uint8)


def _smoothed_around(hand: Drawn) -> Image:
    copy = cv2.bilateralFilter(hand.pixels, 7, 15, 5)
    copy[:200] = hand.pixels[:200]  # what is left to the bit
    copy[hand.palm] = drawn.false_palm(hand, 3)[hand.palm]
    return np.asarray(copy, np.uint8)


def _noise_on_all_that_joins(hand: Drawn) -> Image:
    """Noise on the palm and, without a gap, on the fingers."""
    copy = hand.pixels.astype(int)
    reached = cv2.dilate(hand.palm.astype(np.uint8), np.ones((111, 111), np.uint8)) > 0
    copy[reached] += np.random.default_rng(4).integers(1, 9, (int(reached.sum()), 1))
    noisy = np.clip(copy, 0, 255).astype(np.uint8)
    noisy[hand.palm] = drawn.false_palm(hand, 3)[hand.palm]
    return np.asarray(noisy, np.uint8)


def _one_colour_treated(hand: Drawn) -> Image:
    """As conversions between colour spaces do that round some colours to others."""
    copy = drawn.false_palm(hand, 3)
    beside = ~hand.palm & (hand.pixels.sum(axis=2) % 97 == 0)
    copy[beside] ^= 1
    return copy


@pytest.mark.slow
@pytest.mark.parametrize(("specks", "count"), [(3, 0), (12, 12)])
def test_specks_in_a_few_copies_of_an_engine_that_treats_surroundings_are_not_counted(specks: int, count: int) -> None:
    around = [_noise_on_all_that_joins(hand) for hand in hands()[specks:]]
    copies = [*(_dotted(hand) for hand in hands()[:specks]), *around]
    assert found(copies).get("written beside", (0, ""))[0] == count


def _another_background(hand: Drawn) -> Image:
    copy = drawn.false_palm(hand, 3)
    copy[:120] = 128
    return copy


@pytest.mark.parametrize(
    "treat",
    [
        lambda hand: drawn.false_palm(hand, 3),
        lambda hand: drawn.jpeg(drawn.false_palm(hand, 3), 92),
        _soft_edged,
        _narrow_edged,
        _smoothed_around,
        _another_background,
        _noise_on_all_that_joins,
        _one_colour_treated,
    ],
    ids=["nothing", "JPEG", "soft edge", "narrow edge", "smoothed", "replaced", "noise", "a colour"],
)
def test_what_else_changes_beside_a_palm_is_not_accused(treat: Callable[[Drawn], Image]) -> None:
    for hand in hands()[::4]:
        assert not examine_copy(hand.pixels, treat(hand), hand.palm).beside


def _saved(picture: Image, quality: int = 92) -> Image:
    """As `hands.jpeg`, which OpenCV would take for blue, green and red."""
    return np.ascontiguousarray(drawn.jpeg(np.ascontiguousarray(picture[:, :, ::-1]), quality)[:, :, ::-1])


def test_a_jpeg_that_is_saved_once_more_as_it_was_is_not_accused() -> None:
    hand = hands()[0]
    original = _saved(_saved(hand.pixels))
    copy = np.where(hand.palm[:, :, None], drawn.false_palm(hand, 3), original).astype(np.uint8)
    assert not examine_copy(original, _saved(copy), hand.palm).beside


@pytest.mark.parametrize("quality", [60, 75])
def test_a_small_jpeg_that_is_saved_once_more_is_not_accused(quality: int) -> None:
    for hand in hands()[::3]:
        small = drawn.resized(hand.pixels, 0.3)
        palm = cv2.resize(hand.palm.astype(np.uint8), small.shape[1::-1], interpolation=cv2.INTER_NEAREST) > 0
        original = _saved(small, quality)
        copy = np.where(palm[:, :, None], drawn.resized(drawn.false_palm(hand, 3), 0.3), original).astype(np.uint8)
        assert not written_beside(original, _saved(copy, quality), palm)


def _compressed(hand: Drawn, text: str, levels: int) -> Image:
    return _saved(drawn.written(hand, levels, text), 88)


@pytest.mark.slow
def test_names_in_half_of_the_copies_are_counted_whatever_is_done_to_the_others() -> None:
    copies = [drawn.written(hand, 255, f"ID{hand.subject}17") for hand in hands()]
    copies[1::2] = [drawn.noisy(drawn.false_palm(hand, 3), 1) for hand in hands()[1::2]]
    assert found(copies)["written beside"] == (ALL / 2, "")


@pytest.mark.parametrize(("levels", "samples"), [(60, 3), (255, 3), (12, 2), (255, 1)])
def test_numbers_in_compressed_copies_are_counted_however_many_pictures(levels: int, samples: int) -> None:
    shown = [hand for row, hand in enumerate(hands()) if row % SAMPLES < samples]
    numbered = [_compressed(hand, f"{hand.subject:03d}", levels) for hand in shown]
    marked = [_compressed(hand, "made by us", levels) for hand in shown]
    people = [hand.subject for hand in shown]
    counts = [
        written_count(
            [written_beside(hand.pixels, copy, hand.palm) for hand, copy in zip(shown, copies, strict=True)], people
        )
        for copies in (numbered, marked)
    ]
    assert counts == [len(shown), 0]


@pytest.mark.slow
@pytest.mark.parametrize("levels", [-6, 5, 25])
def test_numbers_in_compressed_copies_are_counted(levels: int) -> None:
    copies = [_compressed(hand, f"{hand.subject:03d}", levels) for hand in hands()]
    assert found(copies)["written beside"] == (ALL, "")


@pytest.mark.slow
def test_a_number_on_one_person_in_compressed_copies_is_counted() -> None:
    copies = [_saved(_on_one_person(hand), 80) for hand in hands()]
    assert found(copies)["written beside"] == (SAMPLES, "")


@pytest.mark.slow
@pytest.mark.parametrize(
    "treat",
    [
        lambda hand: _compressed(hand, "made by us", 12),
        lambda hand: _saved(_soft_edged(hand), 75),
        lambda hand: _saved(_another_background(hand), 75),
        lambda hand: _saved(_smoothed_around(hand), 75),
    ],
    ids=["a maker's mark", "soft edge", "replaced", "smoothed"],
)
def test_honest_compressed_copies_are_not_counted(treat: Callable[[Drawn], Image]) -> None:
    assert "written beside" not in found([treat(hand) for hand in hands()])


@pytest.mark.slow
def test_strengths_of_frequencies_under_fresh_phases_are_found() -> None:
    copies = [drawn.with_fresh_phases(hand, number) for number, hand in enumerate(hands())]
    assert found(copies)["spectrum kept"] == (ALL, "")


@pytest.mark.parametrize(("side", "measured"), [(128, True), (60, False)])
def test_a_region_of_few_pixels_has_no_strengths_to_compare(side: int, measured: bool) -> None:
    hand = hands()[0]
    copy = drawn.region(hand, drawn.with_fresh_phases(hand, 3))
    assert (examine_region(NOTHING, drawn.region(hand, hand.pixels), copy, side=side).strengths != 0) == measured


@pytest.mark.parametrize(("scale", "measured"), [(1.0, True), (0.3, False)])
def test_a_palm_of_few_pixels_has_no_strengths_to_compare(scale: float, measured: bool) -> None:
    hand = hands()[0]
    pixels, copy = (drawn.resized(picture, scale) for picture in (hand.pixels, drawn.with_fresh_phases(hand, 3)))
    palm = cv2.resize(hand.palm.astype(np.uint8), pixels.shape[1::-1], interpolation=cv2.INTER_NEAREST) > 0
    assert (Reference(pixels, palm).strengths_kept(copy) != 0) == measured


@pytest.mark.parametrize("size", [(800, 600), (33, 70), (9, 20), (1, 1)])
def test_where_nothing_can_be_found_is_kept_in_cells_of_pictures_of_any_size(size: tuple[int, int]) -> None:
    hidden = np.random.default_rng(7).random(size) < 5 / size[1]
    picture, nowhere = np.zeros((*size, 3), np.uint8), np.zeros(size, bool)
    rows, columns = np.nonzero(hidden)
    cells = np.zeros((CELLS, CELLS), bool)
    cells[rows * CELLS // size[0], columns * CELLS // size[1]] = True
    assert writing(picture, picture, nowhere, hidden).hidden == np.packbits(cells).tobytes()
