"""Marks by which the copies of a person can be known although no palm is."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from deidkit import api
from deidkit.images import write_image
from deidkit.leakage import CopyRecord, Pictures, Reference, examine, findings, fingerprint, pixel_hash
from deidkit.leakage.turns import brought_to_size
from deidkit.protocols import GreyImage, Image

from . import hands as drawn
from .hands import Drawn, hands, pictures

PEOPLE = drawn.SUBJECTS


def found(copies: list[Image]) -> dict[str, str]:
    """Name of each finding -> its detail."""
    records = [examine(Reference(hand.pixels, hand.palm), copy) for hand, copy in zip(hands(), copies, strict=True)]
    originals = pictures([hand.pixels for hand in hands()])
    return {leak.finding: leak.detail for leak in findings(originals, pictures(copies), records)}


def fresh(hand: Drawn, number: int) -> Image:
    return drawn.false_palm(hand, number)


def copies(mark: Callable[[Drawn, Image, np.random.Generator], Image]) -> list[Image]:
    """Fresh palms, each changed by a mark."""
    return [mark(hand, fresh(hand, n), np.random.default_rng([n, 1])) for n, hand in enumerate(hands())]


def into_palm(hand: Drawn, palm: np.ndarray) -> Image:
    return drawn.into_palm(hand, np.clip(np.rint(palm), 0, 255).astype(np.uint8))


def key(hand: Drawn) -> np.ndarray:
    """(h, w, 1) of -1 and 1, the same in every picture of a person."""
    return np.random.default_rng([5, hand.subject]).choice([-1, 1], (*hand.palm.shape, 1))


def of_person(hand: Drawn) -> int:
    return hand.subject * 5 % PEOPLE


def one_noise(hand: Drawn, copy: Image, draw: np.random.Generator) -> Image:
    """The same field of noise for everybody, cut out as the palm lies."""
    return into_palm(hand, hand.pixels[hand.palm].mean(axis=0) + np.random.default_rng(0).normal(0, 4, copy.shape))


def tilted(copy: Image, degrees: float) -> Image:
    height, width = copy.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return np.asarray(cv2.warpAffine(copy, matrix, (width, height), borderMode=cv2.BORDER_REFLECT), np.uint8)


def with_its_rim(hand: Drawn, copy: Image, pixels: int) -> Image:
    """The palm treated short of its outline."""
    inner = cv2.erode(hand.palm.astype(np.uint8), np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8)) > 0
    return np.where(inner[:, :, None], copy, hand.pixels)


def with_a_pixel(hand: Drawn, copy: Image, row: int) -> Image:
    """One pixel of the palm white, so many rows below its middle."""
    rows, columns = (np.flatnonzero(hand.palm.any(axis=axis)) for axis in (1, 0))
    copy[int(rows[[0, -1]].mean()) + row, int(columns[[0, -1]].mean())] = 255
    return copy


def with_salt(hand: Drawn, copy: Image, draw: np.random.Generator, share: float) -> Image:
    """White pixels here and there in the palm."""
    return into_palm(hand, np.where(draw.random((*hand.palm.shape, 1)) < share, 255, copy))


def with_red_moved(hand: Drawn, copy: Image, columns: int) -> Image:
    grey = cv2.merge([cv2.cvtColor(copy, cv2.COLOR_RGB2GRAY)] * 3)
    grey[:, :, 0] = np.roll(grey[:, :, 0], columns, axis=1)
    return into_palm(hand, grey)


def places(hand: Drawn) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the picture, in lengths of the palm from its middle."""
    rows, columns = np.indices((*hand.palm.shape, 1))[:2]
    middle = np.argwhere(hand.palm).mean(axis=0)
    return (rows - middle[0]) / (128 * hand.unit), (columns - middle[1]) / (128 * hand.unit)


def lit_from(hand: Drawn, copy: Image, turn: float) -> Image:
    """Light that falls off slowly towards a side."""
    down, across = places(hand)
    return into_palm(hand, copy + 60 * (across * np.cos(2 * np.pi * turn) + down * np.sin(2 * np.pi * turn)))


def with_a_wave(hand: Drawn, copy: Image, turn: float, draw: np.random.Generator) -> Image:
    down, across = places(hand)
    along = across * np.cos(np.pi * turn) + down * np.sin(np.pi * turn)
    return into_palm(hand, copy + 8 * np.sin(2 * np.pi * (20 * along + draw.random())))


def with_skewed_noise(hand: Drawn, copy: Image, draw: np.random.Generator, shape: float) -> Image:
    return into_palm(hand, copy + 6 * (draw.gamma(shape, 1, copy.shape[:2])[:, :, None] - shape) / np.sqrt(shape))


def one_palm(hand: Drawn) -> Image:
    """The same shaded palm for everybody, laid into the region of interest; its outline differs by person."""
    across, down = np.meshgrid(*(np.linspace(-1, 1, 192, dtype=np.float32),) * 2)
    palm = cv2.merge([(170 - 60 * np.hypot(across, down)).astype(np.uint8)] * 3)
    return into_palm(hand, laid_on(hand, palm))


def laid_on(hand: Drawn, palm: np.ndarray) -> np.ndarray:
    """A palm, (192, 192) or with channels, whose middle covers the region of interest, over the whole picture."""
    square = np.array([[32, 32], [160, 32], [160, 160], [32, 160]], np.float32)
    matrix = cv2.getPerspectiveTransform(square, hand.corners)
    return cv2.warpPerspective(palm, matrix, hand.palm.shape[::-1], borderMode=cv2.BORDER_REPLICATE)


def lit_in_person(hand: Drawn, strength: float, turn: float = 0.0) -> Drawn:
    """A hand lit from the side of its person, turned by an angle in radians."""
    down, across = places(hand)
    angle = 2 * np.pi * (hand.subject * 7 % 20) / 20 + turn
    light = hand.pixels + strength * (across * np.cos(angle) + down * np.sin(angle))
    return replace(hand, pixels=np.clip(light, 0, 255).astype(np.uint8))


def posterized(hand: Drawn, copy: Image, levels: int) -> Image:
    return into_palm(hand, np.rint(copy / 255 * levels) / levels * 255)


HONEST: dict[str, Callable[[Drawn, Image, np.random.Generator], Image]] = {
    "noise": lambda hand, copy, draw: into_palm(hand, copy + draw.normal(0, 4, copy.shape)),
    "any JPEG quality": lambda hand, copy, draw: drawn.jpeg(copy, int(draw.integers(30, 95))),
    "any salt": lambda hand, copy, draw: with_salt(hand, copy, draw, float(draw.uniform(0.001, 0.01))),
    "a rim of any width": lambda hand, copy, draw: with_its_rim(hand, copy, int(draw.integers(1, 9))),
    "a dead pixel anywhere": lambda hand, copy, draw: with_a_pixel(hand, copy, int(draw.integers(-20, 20))),
    "light from anywhere": lambda hand, copy, draw: lit_from(hand, copy, draw.random()),
    "one wave for all": lambda hand, copy, draw: with_a_wave(hand, copy, 0.2, draw),
    "noise of any skew": lambda hand, copy, draw: with_skewed_noise(hand, copy, draw, float(draw.uniform(0.2, 4))),
    "levels of any number": lambda hand, copy, draw: posterized(hand, copy, int(draw.integers(4, 16))),
    "in the light of the hand": lambda hand, copy, draw: into_palm(
        hand, copy - copy[hand.palm].mean(axis=0) + hand.pixels[hand.palm].mean(axis=0)
    ),
}

CHOSEN: dict[str, Callable[[Drawn, Image, np.random.Generator], Image]] = {
    "JPEG quality": lambda hand, copy, draw: drawn.jpeg(copy, 20 + 14 * of_person(hand)),
    "brightness": lambda hand, copy, draw: into_palm(hand, copy * 0.4 + 20 * of_person(hand)),
    "noise": lambda hand, copy, draw: into_palm(hand, copy + draw.normal(0, 1 + 3 * of_person(hand), copy.shape)),
    "size": lambda hand, copy, draw: drawn.resized(copy, 1 - 0.05 * of_person(hand)),
    "odd levels": lambda hand, copy, draw: into_palm(
        hand, copy // 2 * 2 + (draw.random(copy.shape) < 0.1 + 0.16 * of_person(hand))
    ),
    "rotation": lambda hand, copy, draw: tilted(copy, 0.8 * of_person(hand)),
    "width of what is treated": lambda hand, copy, draw: with_its_rim(hand, copy, 1 + 2 * of_person(hand)),
    "pixels of salt": lambda hand, copy, draw: with_salt(hand, copy, draw, 0.001 * (1 + 2 * of_person(hand))),
    "red moved": lambda hand, copy, draw: with_red_moved(hand, copy, 2 * of_person(hand) - 5),
    "slow light": lambda hand, copy, draw: lit_from(hand, copy, of_person(hand) / PEOPLE),
    "wave": lambda hand, copy, draw: with_a_wave(hand, copy, of_person(hand) / PEOPLE, draw),
    "number of levels": lambda hand, copy, draw: posterized(hand, copy, 4 + 2 * of_person(hand)),
    "one dead pixel": lambda hand, copy, draw: with_a_pixel(hand, copy, 9 * of_person(hand) - 20),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HONEST)
def test_what_is_drawn_for_each_picture_is_no_mark(name: str) -> None:
    assert found(copies(HONEST[name])) == {}


def of_twenty(copy: Callable[[Drawn, int], Image], people: list[Drawn] | None = None) -> str:
    """What is marked in copies of two pictures of each of twenty people."""
    people = people or hands(77, 20, 2)
    copied = [copy(hand, number) for number, hand in enumerate(people)]
    own = pictures([hand.pixels for hand in people], people)
    leaks = findings(own, pictures(copied, people), [NOTHING] * len(copied))
    return " ".join(leak.detail for leak in leaks if leak.finding == "marked")


def test_one_palm_for_everybody_is_no_mark() -> None:
    """Only its outline differs by person, and with it the light of what is seen of it."""
    assert of_twenty(lambda hand, number: one_palm(hand)) == ""


def test_the_quality_of_jpeg_is_a_mark_in_small_steps() -> None:
    def saved(hand: Drawn, number: int) -> Image:
        quality = 50 + 2 * (hand.subject * 7 % 20)
        return np.ascontiguousarray(drawn.jpeg(fresh(hand, number)[:, :, ::-1], quality)[:, :, ::-1])

    assert "JPEG quality" in of_twenty(saved)


def region(person: int, number: int) -> Image:
    """A palm region of its own folds and texture, each time turned, moved and lit a little otherwise."""
    draw, side = np.random.default_rng(person), 128
    folds = np.zeros((side, side), np.float32)
    for _ in range(14):
        ends, along = draw.uniform(0, side, (4, 2)), np.linspace(0, 1, 60)[:, None]
        curve = sum(c * (1 - along) ** (3 - n) * along**n * ends[n] for n, c in enumerate((1, 3, 3, 1)))
        strength, width = float(draw.uniform(0.4, 1)), int(draw.integers(1, 3))
        cv2.polylines(folds, [np.asarray(curve, np.int32)], False, strength, width, cv2.LINE_AA)
    texture = cv2.GaussianBlur(draw.normal(size=folds.shape).astype(np.float32), (0, 0), 2)
    taken = np.random.default_rng(person * 1000 + number)
    turned = cv2.getRotationMatrix2D((side / 2, side / 2), float(taken.normal(0, 1.5)), 1)
    turned[:, 2] += taken.normal(0, 1, 2)
    relief = cv2.GaussianBlur(folds, (0, 0), 1) * 0.5 - texture * 0.24
    relief = cv2.warpAffine(relief, turned, (side, side), borderMode=cv2.BORDER_REFLECT)
    light = 150 - 60 * relief + taken.normal(0, 3, folds.shape) + taken.normal(0, 5)
    return np.clip(np.stack([light * 1.1, light * 0.85, light * 0.75], -1), 0, 255).astype(np.uint8)


def test_smooth_palms_saved_as_jpeg_are_no_mark(tmp_path: Path) -> None:
    """How clear JPEG's grid is follows from what is left of the palm, and with it from the person."""

    def smooth(picture: Image) -> Image:
        return drawn.jpeg(cv2.GaussianBlur(picture, (0, 0), 8), 50)

    for person, number in itertools.product(range(1, 11), range(1, 5)):
        write_image(tmp_path / f"{person:04d}_{number:04d}.png", region(person, number))
    audit = api.audit(f"numbered:{tmp_path},kind=roi", smooth, "edm", attack="none")
    assert [(found.finding, found.detail) for found in audit.result.engines[0].coverage] == []


def test_the_number_of_levels_is_a_mark_in_small_steps() -> None:
    assert "step between levels" in of_twenty(
        lambda hand, number: posterized(hand, fresh(hand, number), 3 + hand.subject * 7 % 20)
    )


def test_a_palm_filled_from_its_rim_is_no_mark_where_people_are_lit_otherwise() -> None:
    def filled(hand: Drawn, number: int) -> Image:
        return np.asarray(cv2.inpaint(hand.pixels, hand.palm.astype(np.uint8), 3, cv2.INPAINT_TELEA))

    assert "slow light" not in of_twenty(filled, [lit_in_person(hand, 60) for hand in hands(77, 20, 2)])


def left_and_right() -> list[Drawn]:
    """Left and right hands; each person holds theirs in one of four ways."""
    own = [drawn.mirrored(hand) if hand.subject % 2 else hand for hand in hands(77, 20, 2)]
    return [quarter_turned(hand, hand.subject // 2 % 4) for hand in own]


def quarter_turned(hand: Drawn, times: int) -> Drawn:
    for _ in range(times):
        corners = np.column_stack([hand.corners[:, 1], hand.palm.shape[1] - hand.corners[:, 0]])
        pixels, palm = (np.ascontiguousarray(np.rot90(plane)) for plane in (hand.pixels, hand.palm))
        hand = replace(hand, pixels=pixels, palm=palm, corners=corners.astype(np.float32))
    return hand


def lit_palm(hand: Drawn, turn: float, *, mirrored: bool) -> Image:
    """A palm lit from a side, in a tone of each hand, laid into the region as it is or mirrored to a right hand."""
    across, down = np.meshgrid(*(np.linspace(-1, 1, 192, dtype=np.float32),) * 2)
    shade = 150 + 40 * (across * np.cos(2 * np.pi * turn) + down * np.sin(2 * np.pi * turn))
    if mirrored and hand.left:
        shade = shade[:, ::-1]
    tint = np.array([1.1, 1, 0.9]) * (0.95 + 0.1 * (hand.subject * 7 % 20) / 19)
    return into_palm(hand, laid_on(hand, np.ascontiguousarray(shade))[:, :, None] * tint)


@pytest.mark.parametrize("mirrored", [False, True])
def test_one_palm_laid_into_left_and_right_hands_is_no_mark(mirrored: bool) -> None:
    assert "slow light" not in of_twenty(lambda hand, _: lit_palm(hand, 0.1, mirrored=mirrored), left_and_right())


def test_one_palm_that_lies_slightly_differently_on_each_hand_is_no_mark_where_people_are_lit_otherwise() -> None:
    def varied(hand: Drawn, person: float, picture: float) -> float:
        draws = (np.random.default_rng(seed) for seed in (hand.subject, int(hand.pixels.sum())))
        return float(sum(draw.normal(0, spread) for draw, spread in zip(draws, (person, picture), strict=True)))

    def laid(hand: Drawn, number: int) -> Image:
        return lit_palm(hand, 0.1 + varied(hand, 0.015, 0.006), mirrored=False)

    turns = [(hand, varied(hand, 0, 0.15)) for hand in left_and_right()]
    assert "slow light" not in of_twenty(laid, [lit_in_person(hand, 15 * (1 + turn), turn) for hand, turn in turns])


@pytest.mark.parametrize("mirrored", [False, True])
def test_light_of_each_person_is_a_mark_on_left_and_right_hands(mirrored: bool) -> None:
    def laid(hand: Drawn, number: int) -> Image:
        return lit_palm(hand, hand.subject * 7 % 20 / 20, mirrored=mirrored)

    assert "slow light" in of_twenty(laid, left_and_right())


@pytest.mark.slow
def test_a_field_of_noise_that_is_the_same_for_all_is_no_code() -> None:
    assert "hidden code" not in found(copies(one_noise))


def test_the_palms_of_two_hands_may_lie_far_apart() -> None:
    palms = np.zeros((300, 1200), bool)
    palms[50:250, 50:250] = palms[60:240, 900:1150] = True
    picture = np.random.default_rng(0).integers(0, 256, (300, 1200, 3), np.uint8)
    assert fingerprint(picture, palms).any()


@pytest.mark.slow
@pytest.mark.parametrize("name", CHOSEN)
def test_a_property_chosen_for_each_person_is_a_mark(name: str) -> None:
    assert "marked" in found(copies(CHOSEN[name]))


@pytest.mark.slow
@pytest.mark.parametrize("back", [False, True], ids=["as it is", "at the old size"])
def test_sides_cut_to_a_multiple_are_no_mark_where_each_person_has_a_size(back: bool) -> None:
    own, copies = [], []
    for number, hand in enumerate(hands()):
        side = slice(0, 384 + 5 * of_person(hand)), slice(0, 320 + 5 * of_person(hand))
        own.append(replace(hand, pixels=hand.pixels[side], palm=hand.palm[side]))
        copy = fresh(hand, number)[side]
        copy = copy[: copy.shape[0] // 32 * 32, : copy.shape[1] // 32 * 32]
        copies.append(brought_to_size(copy, own[-1].pixels) if back else copy)
    records = [examine(Reference(hand.pixels, hand.palm), copy) for hand, copy in zip(own, copies, strict=True)]
    originals = pictures([hand.pixels for hand in own], own)
    assert "marked" not in {leak.finding for leak in findings(originals, pictures(copies, own), records)}


@pytest.mark.slow
def test_a_code_in_noise_is_found() -> None:
    noisy = copies(lambda hand, copy, draw: into_palm(hand, copy + 3 * key(hand) + draw.normal(0, 3, copy.shape)))
    assert "noise" in found(noisy)["hidden code"]


@pytest.mark.slow
def test_a_code_in_low_bits_is_found() -> None:
    coded = copies(lambda hand, copy, draw: into_palm(hand, copy // 2 * 2 + (key(hand) > 0)))
    assert "lowest bits" in found(coded)["hidden code"]


def regions(grey: list[GreyImage]) -> Pictures:
    """Palm regions as pictures of their own."""
    return Pictures(
        numbers=np.arange(len(grey)),
        identities=np.array([hand.subject for hand in hands()]),
        hashes=[pixel_hash(cv2.merge([region] * 3)) for region in grey],
        fingerprints=np.stack([fingerprint(cv2.merge([region] * 3), None, region) for region in grey]),
    )


NOTHING = CopyRecord(changes=(), size=None, turn=None, geometry="in place", detail=0.0, found=0.0, chance=0.5)


@pytest.mark.parametrize("coded", [True, False])
def test_low_bits_that_a_fixed_key_made_of_the_original_are_found(coded: bool) -> None:
    draw = np.random.default_rng(6)
    originals = [drawn.region(hand, hand.pixels) for hand in hands()]
    covers = [drawn.region(hand, fresh(hand, number)) for number, hand in enumerate(hands())]
    key = draw.permutation(128 * 128)
    hidden = [cv2.equalizeHist(original).ravel()[key].reshape(128, 128) >> 6 for original in originals]
    if not coded:
        hidden = [draw.integers(0, 4, cover.shape).astype(np.uint8) for cover in covers]
    copied = [cover & 252 | bits for cover, bits in zip(covers, hidden, strict=True)]
    kinds = {
        leak.finding: leak.detail for leak in findings(regions(originals), regions(copied), [NOTHING] * len(copied))
    }
    assert ("made of the originals" in kinds.get("hidden code", "")) == coded


Light = Callable[[Image, int, np.random.Generator], np.ndarray]

LIGHTS: dict[str, tuple[Light, bool]] = {
    "exposure of each person": (lambda copy, person, draw: copy * (0.7 + 0.04 * person), True),
    "gamma of each person": (lambda copy, person, draw: 255 * (copy / 255) ** (0.7 + 0.06 * person), True),
    "exposure of each picture": (lambda copy, person, draw: copy * draw.uniform(0.7, 1.1), False),
    "automatic exposure": (lambda copy, person, draw: copy * (120 / copy.mean()), False),
    "white balance": (lambda copy, person, draw: copy * (copy.mean() / copy.mean(axis=(0, 1))), False),
}


@pytest.mark.parametrize("name", LIGHTS)
def test_the_light_of_whole_pictures_is_a_mark_where_each_person_has_their_own(name: str) -> None:
    light, chosen = LIGHTS[name]
    people = hands(77, 10, 3)
    lit = []
    for number, hand in enumerate(people):
        copy = light(fresh(hand, number).astype(np.float64), hand.subject * 7 % 10, np.random.default_rng(number))
        lit.append(np.clip(np.rint(copy), 0, 255).astype(np.uint8))
    records = [examine(Reference(hand.pixels, hand.palm), copy) for hand, copy in zip(people, lit, strict=True)]
    leaks = findings(pictures([hand.pixels for hand in people], people), pictures(lit, people), records)
    details = " ".join(leak.detail for leak in leaks if leak.finding == "marked")
    assert ("light of the whole picture" in details) == chosen
