"""Mask, blur, pixelate and identity: what changes, what must not, and what options mean."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from deidkit import plugins
from deidkit.protocols import ROI_SIZE, Failure, Image, Sample
from deidkit.testing import ExampleImage, hand_images, picture_without_hand, roi_images

CHANGING = ("mask", "mask:fill=grey", "mask:fill=mean", "blur", "pixelate")


def engine(spec: str) -> Any:
    return plugins.create("engine", spec)[0]


def changed(spec: str, image: ExampleImage) -> Image:
    ((output,),) = engine(spec).deidentify([image], [0])
    assert isinstance(output, np.ndarray)
    return output


def ready_roi(pixels: Image) -> ExampleImage:
    return ExampleImage(Sample("roi.png", "someone", kind="roi"), pixels)


@pytest.mark.parametrize("spec", CHANGING)
def test_outside_of_the_palm_every_bit_stays(spec: str) -> None:
    for image in hand_images():
        output, palm = changed(spec, image), image.palm_mask()
        assert np.array_equal(output[~palm], image.pixels[~palm])
        assert (output[palm] != image.pixels[palm]).any(axis=1).mean() > 0.5


def test_identity_is_a_control_that_returns_its_input() -> None:
    made, component = plugins.create("engine", "identity")
    assert component.control
    for image in [*hand_images()[:1], picture_without_hand()]:
        ((first, second),) = made.deidentify([image], [0, 1])
        assert np.array_equal(first, image.pixels)
        assert first is not second


def test_masks_are_of_one_colour() -> None:
    image = hand_images()[0]
    palm = image.palm_mask()
    assert np.unique(changed("mask", image)[palm]).tolist() == [0]
    assert np.unique(changed("mask:fill=grey", image)[palm]).tolist() == [128]
    colours = np.unique(changed("mask:fill=mean", image)[palm], axis=0)
    assert colours == pytest.approx(np.rint(image.pixels[palm].mean(axis=0, keepdims=True)))


def test_on_a_ready_roi_options_are_pixels() -> None:
    roi = roi_images()[0]
    assert roi.pixels.shape[:2] == (ROI_SIZE, ROI_SIZE)
    blurred = cv2.GaussianBlur(roi.pixels, (0, 0), 5, borderType=cv2.BORDER_REFLECT_101)
    assert np.abs(changed("blur:sigma=5", roi).astype(int) - blurred).max() <= 1
    blocks = roi.pixels.reshape(8, 16, 8, 16, 3)
    output = changed("pixelate:block=16", roi).reshape(blocks.shape)
    assert (output == output[:, :1, :, :1]).all()
    assert np.abs(output[:, 0, :, 0] - blocks.mean(axis=(1, 3))).max() <= 1


def test_blur_sees_its_whole_neighbourhood() -> None:
    """Only the palm's part of the picture is worked on; the result is that of the whole picture."""
    image = hand_images()[0]
    palm = image.palm_mask()
    sigma = 6 * np.sqrt(palm.sum()) / ROI_SIZE
    whole = cv2.GaussianBlur(image.pixels, (0, 0), sigma)
    assert np.abs(changed("blur:sigma=6", image)[palm].astype(int) - whole[palm]).max() <= 2


@pytest.mark.parametrize("spec", ["blur", "pixelate"])
@pytest.mark.parametrize("factor", [2, 3])
def test_options_mean_the_same_at_any_resolution(spec: str, factor: int) -> None:
    small = hand_images()[0]
    large = replace(
        small,
        pixels=small.pixels.repeat(factor, axis=0).repeat(factor, axis=1),
        hands=[replace(hand, keypoints=factor * hand.keypoints, box=factor * hand.box) for hand in small.hands],
        mask=small.hand_mask().repeat(factor, axis=0).repeat(factor, axis=1),
    )
    back = cv2.resize(changed(spec, large), small.pixels.shape[1::-1], interpolation=cv2.INTER_AREA)
    well_inside = cv2.erode(small.palm_mask().astype(np.uint8), np.ones((5, 5))) > 0
    apart = np.abs(back.astype(int) - changed(spec, small))[well_inside]
    assert apart.mean() < 1.5


@pytest.mark.parametrize("spec", ["blur:sigma=4", "pixelate:block=16"])
def test_two_hands_in_a_picture_are_treated_as_one_would_be(spec: str) -> None:
    one = hand_images()[0]
    assert one.mask is not None
    shift = np.array([one.pixels.shape[1], 0], np.float32)
    other = [replace(hand, keypoints=hand.keypoints + shift, box=hand.box + np.tile(shift, 2)) for hand in one.hands]
    both = replace(one, pixels=np.hstack([one.pixels] * 2), hands=[*one.hands, *other], mask=np.hstack([one.mask] * 2))
    palm = one.palm_mask()
    alone, beside = changed(spec, one), changed(spec, both)[:, : palm.shape[1]]
    strength = [np.abs(output[palm].astype(int) - one.pixels[palm]).mean() for output in (alone, beside)]
    assert strength[1] == pytest.approx(strength[0], rel=0.1)


@pytest.mark.parametrize("spec", ["blur:sigma=4", "pixelate:block=16"])
def test_a_small_hand_beside_a_large_one_changes_nothing_for_it(spec: str) -> None:
    one = hand_images()[0]
    assert one.mask is not None
    palm = one.palm_mask()
    size = np.array(one.pixels.shape[1::-1])
    half = size // 2
    small = replace(
        one.hands[0],
        keypoints=np.asarray(one.hands[0].keypoints * half / size + [size[0], 0], np.float32),
        box=np.asarray(one.hands[0].box * np.tile(half / size, 2) + [size[0], 0, size[0], 0], np.float32),
    )

    def beside(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        room = np.zeros_like(array)
        room[: half[1], : half[0]] = cv2.resize(array, half.tolist(), interpolation=cv2.INTER_NEAREST)
        return np.hstack([array, room])

    mask = beside(one.mask.astype(np.uint8)).astype(bool)
    both = replace(one, pixels=beside(one.pixels), hands=[*one.hands, small], mask=mask)
    alone, together = changed(spec, one), changed(spec, both)
    assert np.array_equal(alone[palm], together[:, : size[0]][palm])
    assert (together[:, size[0] :] != both.pixels[:, size[0] :]).any()


@pytest.mark.parametrize("name", ["mask", "blur", "pixelate"])
def test_the_back_of_a_hand_is_refused_unless_asked_for(name: str) -> None:
    palm = hand_images()[0]
    back = replace(palm, hands=[replace(palm.hands[0], side="back")])
    ((refused, too),) = engine(name).deidentify([back], [0, 1])
    assert refused == too == Failure("hand", "1 of 1 hands show the back; backs=treat changes them like palms")
    assert np.array_equal(changed(f"{name}:backs=treat", back), changed(name, palm))


@pytest.mark.parametrize("spec", CHANGING)
@pytest.mark.parametrize("side", [1, 2, 7, 50])
def test_tiny_regions_work(spec: str, side: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (side, side + 1, 3), dtype=np.uint8)
    assert changed(spec, ready_roi(pixels)).shape == pixels.shape


@pytest.mark.parametrize("spec", ["blur:sigma=128", "pixelate:block=128"])
def test_the_strongest_setting_leaves_next_to_nothing(spec: str) -> None:
    image = roi_images()[0]
    assert changed(spec, image).std(axis=(0, 1)).max() < 0.35 * image.pixels.std(axis=(0, 1)).max()


@pytest.mark.parametrize("spec", CHANGING)
def test_without_a_palm_there_is_a_failure_and_never_the_original(spec: str) -> None:
    nobody = picture_without_hand()
    hand = hand_images()[0]
    elsewhere = replace(hand, mask=np.zeros(hand.pixels.shape[:2], bool))
    first, second, third = engine(spec).deidentify([nobody, elsewhere, hand], [0])
    assert first == [Failure("hand", "no hand found")]
    assert second == [Failure("hand", "the palm does not lie within the hand's mask")]
    assert isinstance(third[0], np.ndarray)
