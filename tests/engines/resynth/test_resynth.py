"""Resynth: what changes, what must not, and what its options mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from deidkit import plugins
from deidkit.errors import MissingModel
from deidkit.hand import DetectedHands, HandAnalysis, ValleyRule, palm_region, warp_roi
from deidkit.hand.mediapipe import MediaPipe
from deidkit.protocols import Failure, Hand, HandAnalyzer, Image, Mask, Sample, Segmenter
from deidkit.synthesis import HandGenerator
from deidkit.testing import EngineConformance, ExampleImage, hand_images, picture_without_hand, roi_images


@pytest.mark.slow
class TestContract(EngineConformance):
    plugin = "resynth:candidates=1"


@pytest.mark.slow
class TestContractAsItComes(EngineConformance):
    """With the networks that find keypoints, by which the palm is chosen."""

    plugin = "resynth"

    @pytest.fixture
    def images(self) -> Sequence[ExampleImage]:
        return hand_images()[:2]

    @pytest.fixture(autouse=True)
    def _needs_networks(self) -> None:
        try:
            engine("resynth").weight_files()
        except MissingModel as error:
            pytest.skip(str(error))


PLAIN = "resynth:candidates=1"
"""The first palm drawn is taken: no keypoints are looked for, and no networks needed."""


def engine(spec: str = PLAIN) -> Any:
    return plugins.create("engine", spec)[0]


def copy_of(image: ExampleImage, spec: str = PLAIN, seed: int = 0) -> Image:
    ((output,),) = engine(spec).deidentify([image], [seed])
    assert isinstance(output, np.ndarray)
    return output


def changed(image: ExampleImage, output: Image) -> Mask:
    return np.asarray((output != image.pixels).any(axis=2))


def square(image: ExampleImage) -> Mask:
    """What recognizers cut out, within the hand."""
    filled = np.zeros(image.pixels.shape[:2], np.uint8)
    corners = ValleyRule().corners(image.hands[0], image.pixels)
    cv2.fillConvexPoly(filled, np.round(corners - 0.5).astype(np.int32), 1)
    return np.asarray((filled > 0) & image.hand_mask())


def enlarged(image: ExampleImage, factor: int) -> ExampleImage:
    return replace(
        image,
        pixels=np.ascontiguousarray(image.pixels.repeat(factor, axis=0).repeat(factor, axis=1)),
        hands=[replace(hand, keypoints=factor * hand.keypoints, box=factor * hand.box) for hand in image.hands],
        mask=image.hand_mask().repeat(factor, axis=0).repeat(factor, axis=1),
    )


def side_by_side(one: ExampleImage) -> ExampleImage:
    shift = np.array([one.pixels.shape[1], 0], np.float32)
    other = [replace(hand, keypoints=hand.keypoints + shift, box=hand.box + np.tile(shift, 2)) for hand in one.hands]
    return replace(
        one,
        pixels=np.hstack([one.pixels] * 2),
        hands=[*one.hands, *other],
        mask=np.hstack([one.hand_mask()] * 2),
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["paper", "program"])
def test_outside_of_a_published_polygon_every_bit_stays(name: Any) -> None:
    for image in hand_images():
        output = copy_of(image, f"resynth:candidates=1,region={name}")
        palm = palm_region(image.hands[0], name, image.pixels.shape[:2]) & image.hand_mask()
        assert not (changed(image, output) & ~palm).any()
        assert changed(image, output)[palm].mean() > 0.7


@pytest.mark.slow
@pytest.mark.parametrize("name", ["region", "whole"])
def test_all_that_recognizers_read_is_drawn_and_fingers_and_background_stay(name: str) -> None:
    for image in hand_images():
        different = changed(image, copy_of(image, f"resynth:candidates=1,region={name}"))
        assert different[square(image)].mean() > 0.8  # by chance, a pixel may get its own colour again
        assert not different[~image.hand_mask()].any()
        width = np.hypot(*(image.hands[0].keypoints[5] - image.hands[0].keypoints[17]))
        for finger in (5, 9, 13, 17):
            for joint in image.hands[0].keypoints[finger + 1 : finger + 4]:
                near = np.zeros(different.shape, np.uint8)
                cv2.circle(near, np.round(joint).astype(int).tolist(), round(0.1 * width), 1, -1)
                assert not different[near > 0].any()


def test_a_picture_gets_another_palm_with_another_seed_and_in_another_picture() -> None:
    first, second = hand_images()[:2]
    assert first.sample.subject == second.sample.subject
    outputs = engine().deidentify([first], [0, 1, 0])[0]
    assert np.array_equal(outputs[0], outputs[2])
    assert likeness(first, outputs[0], first, outputs[1]) < 0.6
    assert likeness(first, outputs[0], second, copy_of(second)) < 0.6


def test_consistent_palms_are_one_for_a_subject_and_the_remark_says_so() -> None:
    first, second, stranger = hand_images()[:3]
    spec = "resynth:candidates=1,palms=consistent"
    same = likeness(first, copy_of(first, spec), second, copy_of(second, spec))
    other = likeness(first, copy_of(first, spec), stranger, copy_of(stranger, spec))
    assert same > 0.35
    assert same > other + 0.2
    assert "linked" in plugins.create("engine", spec)[1].remark
    assert "linked" not in plugins.create("engine", PLAIN)[1].remark


@pytest.mark.slow
def test_of_several_palms_that_is_kept_by_which_keypoints_move_least() -> None:
    try:
        chooser = engine("resynth:candidates=4")
    except MissingModel as error:
        pytest.skip(str(error))
    analyzer = MediaPipe()
    moved: dict[str, list[float]] = {"one": [], "four": []}
    for image in drawn_hands(subjects=3)[::2]:
        (hand,) = analyzer.detect(image.pixels)
        seen = replace(image, hands=(hand,))
        for name, made in (("one", engine()), ("four", chooser)):
            for output in made.deidentify([seen], range(4))[0]:
                (again,) = analyzer.detect(output)
                assert hand.keypoints_3d is not None
                assert again.keypoints_3d is not None
                moved[name].append(float(np.abs(again.keypoints_3d - hand.keypoints_3d).mean()))
    assert np.array_equal(output, chooser.deidentify([seen], [3])[0][0])
    assert np.mean(moved["four"]) < 0.95 * np.mean(moved["one"])


def test_one_palm_for_a_subject_leaves_no_choice() -> None:
    image = hand_images()[0]
    alone = copy_of(image, "resynth:candidates=1,palms=consistent")
    assert np.array_equal(alone, copy_of(image, "resynth:palms=consistent"))


def likeness(one: ExampleImage, copy: Image, other: ExampleImage, another: Image) -> float:
    """Correlation of the lines in two copies' palms, laid over one another."""
    lines = []
    for image, pixels in ((one, copy), (other, another)):
        corners = ValleyRule().corners(image.hands[0], image.pixels)
        across = (corners[1] - corners[0]) @ (image.hands[0].keypoints[5] - image.hands[0].keypoints[17])
        source = corners if across > 0 else corners[[1, 0, 3, 2]]
        target = np.array([[0, 0], [96, 0], [96, 96], [0, 96]], np.float32)
        warp = cv2.getPerspectiveTransform(source.astype(np.float32), target)
        grey = cv2.cvtColor(cv2.warpPerspective(pixels, warp, (96, 96)), cv2.COLOR_RGB2GRAY).astype(np.float32)
        lines.append((cv2.GaussianBlur(grey, (0, 0), 1.5) - cv2.GaussianBlur(grey, (0, 0), 6))[10:-10, 10:-10])
    return float(np.corrcoef(lines[0].ravel(), lines[1].ravel())[0, 1])


@pytest.mark.slow
def test_a_copy_is_no_more_like_its_own_original_than_like_strangers() -> None:
    """Palms of one kind are alike to a degree: their main lines run alike."""
    images = hand_images()
    copies = [engine().deidentify([image], range(4))[0] for image in images]
    own, strangers = [], []
    for image, outputs in zip(images, copies, strict=True):
        for original in images:
            values = [likeness(image, output, original, original.pixels) for output in outputs]
            (own if original.sample.subject == image.sample.subject else strangers).extend(values)
    assert np.mean(own) - np.mean(strangers) < 0.2
    assert np.max(own) < 0.6
    pairs = zip(images[::2], images[1::2], strict=True)
    pictures = [likeness(one, one.pixels, other, other.pixels) for one, other in pairs]
    assert np.mean(pictures) > 0.5, "two pictures of one palm are alike: the measure would notice"


@pytest.mark.slow
def test_palms_are_as_rough_and_as_light_as_the_hand_s_own() -> None:
    """On average: the amplitudes of each differ, so that they do not tell whose hand it is."""
    for image in hand_images():
        copies = engine().deidentify([image], range(4))[0]
        inside = cv2.erode(square(image).astype(np.uint8), np.ones((9, 9))) > 0
        for sigma in (1, 2, 4):

            def rough(pixels: Image, sigma: int = sigma, inside: Mask = inside) -> float:
                grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
                return float((grey - cv2.GaussianBlur(grey, (0, 0), sigma))[inside].std())

            shares = [rough(output) / rough(image.pixels) for output in copies]
            assert 0.65 < np.mean(shares) < 1.25  # softer by a tenth, and each palm louder or quieter by a third
            assert min(shares) > 0.5
            assert max(shares) < 1.5
        for output in copies:
            assert output[inside].mean(axis=0) == pytest.approx(image.pixels[inside].mean(axis=0), abs=4)


@pytest.mark.slow
def test_a_blotched_hand_gets_blotches_elsewhere() -> None:
    image = hand_images()[0]
    width = float(np.linalg.norm(image.hands[0].keypoints[5] - image.hands[0].keypoints[17]))
    noise = np.random.default_rng(0).standard_normal(image.pixels.shape)
    soft = cv2.GaussianBlur(noise, (0, 0), 0.12 * width)
    pixels = np.clip(image.pixels * np.exp(0.06 * soft / soft.std()), 0, 255).astype(np.uint8)
    blotched = replace(image, pixels=np.where(image.hand_mask()[..., None], pixels, image.pixels))
    reach = int(0.2 * width)
    middle = cv2.erode(square(image).astype(np.uint8), np.ones((reach, reach))) > 0

    def coarse(shown: Image) -> NDArray[np.float64]:
        averaged = cv2.GaussianBlur(np.log(shown.astype(np.float64) + 8), (0, 0), 0.12 * width)[middle]
        return np.asarray(averaged - averaged.mean(axis=0))

    own = coarse(blotched.pixels)
    copies = [coarse(copy) for copy in engine().deidentify([blotched], range(4))[0]]
    assert np.mean([made.std() / own.std() for made in copies]) > 0.44  # without blotches of their own .38
    assert np.mean([np.corrcoef(own.ravel(), made.ravel())[0, 1] for made in copies]) < 0.5


@pytest.mark.slow
def test_colour_goes_its_own_way_in_calm_skin() -> None:
    """In lines it goes with lightness, for they are shadows; beside them it is blood."""

    def followed(pixels: Image, inside: Mask) -> float:
        light, blue = (np.log(pixels.astype(np.float32) + 8) @ mix for mix in ([1 / 3] * 3, [0, -1, 1]))
        fine = [cv2.GaussianBlur(p, (0, 0), 1.4) - cv2.GaussianBlur(p, (0, 0), 2.8) for p in (light, blue)]
        contrast = cv2.GaussianBlur(np.square(fine[0]), (0, 0), 5)
        calm = inside & (contrast < np.median(contrast[inside]))
        return float(np.corrcoef(fine[0][calm], fine[1][calm])[0, 1])

    more = []
    for image in hand_images():
        inside = cv2.erode(square(image).astype(np.uint8), np.ones((9, 9))) > 0
        copies = engine().deidentify([image], range(2))[0]
        more += [followed(copy, inside) - followed(image.pixels, inside) for copy in copies]
    assert abs(np.mean(more)) < 0.08


@pytest.mark.slow
def test_nothing_of_the_original_s_lines_is_left_in_what_recognizers_read() -> None:
    """Not even where the square meets the seam: fine lines drawn onto the hand, up to the square's edges, are sought in
    the mean of eight copies, in which other lines cancel."""
    image = hand_images()[0]
    rows, columns = np.indices(image.pixels.shape[:2])
    lines = np.where((rows + columns) % 12 < 3, 30, 0) * image.hand_mask()
    marked = replace(image, pixels=np.clip(image.pixels - lines[..., None], 0, 255).astype(np.uint8))
    copies = engine().deidentify([marked], range(8))[0]
    inside = square(image)
    inside &= ~(cv2.erode(inside.astype(np.uint8), np.ones((25, 25))) > 0)
    inside &= cv2.erode(image.hand_mask().astype(np.uint8), np.ones((25, 25))) > 0

    def trace(pixels: Image) -> float:
        grey = pixels.astype(np.float32).mean(axis=2)
        fine = grey - cv2.GaussianBlur(grey, (0, 0), 6)
        return abs(float(np.corrcoef(fine[inside], lines[inside])[0, 1]))

    assert trace(marked.pixels) > 0.8
    assert trace(np.mean(copies, axis=0)) < 0.1


@pytest.mark.slow
def test_a_palm_begins_softly() -> None:
    """Beside the skin that stays, a copy is nearly the picture; a narrow seam shows, in the thumb web most of all."""
    for image in hand_images():
        difference = np.abs(copy_of(image).astype(np.float32) - image.pixels).mean(axis=2)
        region = cv2.morphologyEx((difference > 0).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((9, 9)))
        stays = image.hand_mask() & (region == 0)
        width = np.hypot(*(image.hands[0].keypoints[5] - image.hands[0].keypoints[17]))
        far = cv2.distanceTransform((~stays).astype(np.uint8), cv2.DIST_L2, 5) / width
        edge, middle = (difference[(region > 0) & (low < far) & (far < high)] for low, high in ((0, 0.02), (0.3, 0.5)))
        assert edge.mean() < 0.4 * middle.mean()


def test_two_hands_in_a_picture_get_two_palms() -> None:
    one = hand_images()[0]
    both = side_by_side(one)
    output, columns = copy_of(both), one.pixels.shape[1]
    left, right = output[:, :columns], output[:, columns:]
    assert changed(one, left)[square(one)].mean() > 0.8
    assert changed(one, right)[square(one)].mean() > 0.8
    assert likeness(one, left, one, right) < 0.6


@pytest.mark.parametrize("side", [1, 2, 3, 7, 20, 50])
def test_tiny_regions_work(side: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (side, side + 1, 3), dtype=np.uint8)
    output = copy_of(ExampleImage(Sample("roi.png", "someone", kind="roi"), pixels))
    assert output.shape == pixels.shape
    assert (output != pixels).any()


def test_a_ready_roi_is_drawn_as_a_whole_and_stays_grey() -> None:
    roi = roi_images()[0]
    output = copy_of(roi)
    assert changed(roi, output).mean() > 0.8
    assert not np.ptp(output, axis=2).any()


@pytest.mark.slow
def test_ready_rois_show_palms_of_either_hand_cut_in_many_ways() -> None:
    roi = roi_images()[0]
    falling, lines = [], []
    for output in engine().deidentify([roi], range(12))[0]:
        grey = cv2.resize(cv2.cvtColor(output, cv2.COLOR_RGB2GRAY), (64, 64)).astype(np.float32)
        band = cv2.GaussianBlur(grey, (0, 0), 1) - cv2.GaussianBlur(grey, (0, 0), 5)
        across, down = (cv2.Sobel(band, cv2.CV_32F, dx, 1 - dx)[4:-4, 4:-4] for dx in (1, 0))
        falling.append((across * down).sum() < 0)  # all principal lines do, where the thumb is on the left
        lines.append(band[4:-4, 4:-4].ravel())
    assert 2 <= sum(falling) <= 10
    alike = np.corrcoef(lines)[np.triu_indices(12, 1)]
    assert np.quantile(alike, 0.9) < 0.4


def test_background_in_a_ready_roi_gives_its_darkness_to_no_line() -> None:
    roi = roi_images()[0]
    pixels = roi.pixels.copy()
    pixels[:30, :30] = 0
    drawn, usual = copy_of(replace(roi, pixels=pixels)), copy_of(roi)
    assert drawn[40:, 40:].min() > 0.8 * usual[40:, 40:].min()


@pytest.mark.slow
@pytest.mark.parametrize("falls", [0.4, 1.3, 2.2])
def test_a_shadow_with_a_hard_edge_stays_where_it_lies(falls: float) -> None:
    """Neither its edge nor the light on its two sides becomes part of the relief of one and the same palm."""
    image = hand_images()[0]
    middle = ValleyRule().corners(image.hands[0], image.pixels).mean(axis=0)
    rows, columns = np.indices(image.pixels.shape[:2])
    far = (columns - middle[0]) * np.cos(falls) + (rows - middle[1]) * np.sin(falls)
    shaded = replace(image, pixels=np.rint(image.pixels * np.where(far > 0, 0.5, 1)[..., None]).astype(np.uint8))
    usual, output = (copy_of(each, f"{PLAIN},palms=consistent").astype(np.float32) for each in (image, shaded))
    inside = cv2.erode(square(image).astype(np.uint8), np.ones((15, 15))) > 0
    for side, light in ((far < -2, 1.0), (far > 2, 0.5)):
        near = inside & side & (np.abs(far) < 12)
        assert output[near].mean(axis=0) == pytest.approx(shaded.pixels[near].mean(axis=0), rel=0.07)
        rough = [
            (pixels - cv2.GaussianBlur(pixels, (0, 0), 8))[inside & side & (np.abs(far) > 20)].std()
            for pixels in (output / light, usual)
        ]
        assert rough[0] < 1.3 * rough[1]
    across = [output[inside & (low <= far) & (far < low + 2)].mean() for low in (-2, 0)]
    assert across[1] == pytest.approx(0.5 * across[0], rel=0.25), "the edge is as steep as it was"


@pytest.mark.parametrize("factor", [2, 3])
def test_any_size_works(factor: int) -> None:
    image = enlarged(hand_images()[0], factor)
    output = copy_of(image)
    assert changed(image, output)[square(image)].mean() > 0.8
    assert not changed(image, output)[~image.hand_mask()].any()


def test_a_hand_that_leaves_the_picture_works() -> None:
    whole = hand_images()[0]
    middle = int(whole.hands[0].keypoints[9, 0])
    half = replace(whole, pixels=np.ascontiguousarray(whole.pixels[:, :middle]), mask=whole.hand_mask()[:, :middle])
    assert changed(half, copy_of(half))[square(half)].mean() > 0.8


def test_a_hand_of_which_next_to_nothing_is_seen_works() -> None:
    whole = hand_images()[0]
    last = int(ValleyRule().corners(whole.hands[0], whole.pixels)[:, 0].min()) + 1
    rest = replace(whole, pixels=np.ascontiguousarray(whole.pixels[:, :last]), mask=whole.hand_mask()[:, :last])
    output = copy_of(rest, f"{PLAIN},region=paper")
    seen = changed(rest, output)
    assert seen.any()
    assert output[seen].mean() == pytest.approx(rest.pixels[seen].mean(), rel=0.3)


def test_lines_can_be_deeper_or_shallower() -> None:
    image = hand_images()[0]
    inside = square(image)
    darkest = []
    for depth in (0.0, 1.0, 2.0):
        grey = cv2.cvtColor(copy_of(image, f"resynth:candidates=1,lines={depth}"), cv2.COLOR_RGB2GRAY).astype(
            np.float32
        )
        darkest.append(np.percentile((cv2.GaussianBlur(grey, (0, 0), 8) - grey)[inside], 99))
    assert darkest[0] < 0.8 * darkest[1] < 0.8 * 0.8 * darkest[2]


def test_moles_go_unless_they_are_kept() -> None:
    image = hand_images()[0]
    pixels = image.pixels.copy()
    corners = ValleyRule().corners(image.hands[0], pixels)
    at = np.round(corners.mean(axis=0)).astype(int)
    cv2.circle(pixels, at.tolist(), 2, (90, 50, 40), -1, cv2.LINE_AA)
    marked = replace(image, pixels=pixels)
    around = np.s_[at[1] - 1 : at[1] + 2, at[0] - 1 : at[0] + 2]
    gone, kept = copy_of(marked)[around].mean(), copy_of(marked, "resynth:candidates=1,freckles=1")[around].mean()
    assert kept < gone - 30
    assert "freckles" in plugins.create("engine", "resynth:candidates=1,freckles=1")[1].remark


def test_ageing_takes_roughness_from_a_rough_hand() -> None:
    image = hand_images()[0]
    rough = image.pixels.astype(np.float32)
    noise = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 60, rough.shape[:2]).astype(np.float32), (0, 0), 1.5)
    rough = replace(image, pixels=np.clip(rough + noise[..., None], 0, 255).astype(np.uint8))
    inside = square(image)
    spread = []
    for share in (0.0, 1.0):
        grey = cv2.cvtColor(copy_of(rough, f"resynth:candidates=1,ageing={share}"), cv2.COLOR_RGB2GRAY).astype(
            np.float32
        )
        spread.append((grey - cv2.GaussianBlur(grey, (0, 0), 4))[inside].std())
    assert spread[0] < 0.8 * spread[1]


def test_without_a_palm_there_is_a_failure_and_never_the_original() -> None:
    hand = hand_images()[0]
    elsewhere = replace(hand, mask=np.zeros(hand.pixels.shape[:2], bool))
    first, second, third = engine().deidentify([picture_without_hand(), elsewhere, hand], [0])
    assert first == [Failure("hand", "no hand found")]
    assert second == [Failure("hand", "the palm does not lie within the hand's mask")]
    assert isinstance(third[0], np.ndarray)


def test_a_palm_that_cannot_be_drawn_fails_the_picture_instead_of_staying_as_it_is() -> None:
    both = side_by_side(hand_images()[0])
    half = both.pixels.shape[1] // 2
    first_only = both.hand_mask() & (np.arange(2 * half) < half)
    (left_out,) = engine().deidentify([replace(both, mask=first_only)], [0])
    assert left_out == [Failure("hand", "1 of 2 palms do not lie within the hand's mask")]
    analysis = HandAnalysis(Seen(both.hands[:1]), Segmented(both.hand_mask()), ValleyRule())
    (unread,) = engine().deidentify([analysis.image(both.sample, both.pixels)], [0])
    assert unread == [Failure("hand", "2 palms are seen, and keypoints found for 1 only")]


class Seen(HandAnalyzer):
    """Sees one palm more than it can read."""

    version = "1"

    def __init__(self, hands: Sequence[Hand]) -> None:
        self.hands = hands

    def detect(self, image: Image) -> Sequence[Hand]:
        return DetectedHands(self.hands, unread=1)


class Segmented(Segmenter):
    version = "1"

    def __init__(self, mask: Mask) -> None:
        self.mask = mask

    def segment(self, image: Image, hand: Hand) -> Mask:
        return self.mask


@pytest.mark.slow
def test_a_recognizer_rejects_copies_and_finds_nobody() -> None:
    """MTCC on six drawn people, two pictures and three copies of each: every copy is rejected, one in six is a hit by
    chance; of 36 copies more than 16 would be by chance once in ten thousand times."""
    recognizer: Any = plugins.create("recognizer", "mtcc:preset=B")[0]
    images = drawn_hands(subjects=6)
    own = recognizer.extract([roi_of(image, image.pixels) for image in images])
    subjects = np.array([image.sample.subject for image in images])
    originals = recognizer.compare(own, own)
    same = subjects[:, None] == subjects
    genuine = originals[same & ~np.eye(len(images), dtype=bool)]
    hits = 0
    for seed in range(3):
        outputs = engine().deidentify(images, [seed])
        copies = recognizer.extract([roi_of(image, items[0]) for image, items in zip(images, outputs, strict=True)])
        distances = recognizer.compare(copies, own)
        assert distances[same].min() > np.quantile(genuine, 0.9)
        hits += int((subjects[distances.argmin(axis=1)] == subjects).sum())
    assert hits <= 16


def roi_of(image: ExampleImage, pixels: Image) -> Image:
    return warp_roi(pixels, ValleyRule().corners(image.hands[0], image.pixels), image.hands[0])


def drawn_hands(subjects: int) -> list[ExampleImage]:
    images = []
    for subject in range(subjects):
        generator = HandGenerator(7, 450, 600)
        identity = generator.identity(subject)
        for number in range(2):
            drawn = generator.sample(identity, number)
            box = np.array([0, 0, 450, 600], np.float32)
            hand = Hand(box, drawn.keypoints, None, drawn.handedness, 1.0)
            images.append(ExampleImage(Sample(f"{subject}/{number}", str(subject)), drawn.pixels, (hand,), drawn.mask))
    return images


@pytest.mark.slow
def test_pads_rise_between_the_finger_roots_where_the_hand_has_them() -> None:
    image = hand_images()[0]
    corners = ValleyRule().corners(image.hands[0], image.pixels).astype(np.float64)
    if (corners[1] - corners[0]) @ (image.hands[0].keypoints[5] - image.hands[0].keypoints[17]) < 0:
        corners = corners[[1, 0, 3, 2]]

    def at(across: float, down: float) -> tuple[int, int]:
        column, row = corners[0] + across * (corners[1] - corners[0]) + down * (corners[3] - corners[0])
        return round(row), round(column)

    light = np.zeros(image.pixels.shape[:2], np.float32)
    for across in (0.11, 0.47, 0.83):
        light[at(across, 0.14)] = 1
    light = cv2.GaussianBlur(light, (0, 0), 0.08 * float(np.hypot(*(corners[1] - corners[0]))))
    padded = image.pixels * (1 + 0.12 * light / light.max())[..., None]

    def risen(pixels: NDArray[np.floating]) -> float:
        hand = replace(image, pixels=np.clip(pixels, 0, 255).astype(np.uint8))
        copies = engine().deidentify([hand], range(4))[0]
        copy = cv2.GaussianBlur(np.mean(copies, axis=(0, 3)), (0, 0), 4)
        pads, gaps = ([float(copy[at(across, 0.14)]) for across in way] for way in ((0.11, 0.47, 0.83), (0.29, 0.65)))
        return float(np.mean(pads) / np.mean(gaps) - 1)

    plain, with_pads = risen(image.pixels), risen(padded)
    assert plain < 0.04
    assert with_pads > plain + 0.025


@pytest.mark.slow
def test_deep_lines_make_deep_lines_and_no_crumpled_skin() -> None:
    image = hand_images()[0]
    inside = square(image)
    lined = image.pixels.copy()
    columns, rows = np.flatnonzero(inside.any(axis=0)), np.flatnonzero(inside.any(axis=1))
    for part in (0.2, 0.4, 0.6, 0.8):
        row = int(rows[0] + part * len(rows))
        cv2.line(lined, (int(columns[0]), row), (int(columns[-1]), row + 15), (90, 60, 50), 4, cv2.LINE_AA)

    def strengths(pixels: Image) -> tuple[float, float]:
        """Of calm skin and of lines."""
        copies = engine().deidentify([replace(image, pixels=pixels)], range(4))[0]
        grey = [copy.mean(axis=2) for copy in copies]
        apart = [np.abs(cv2.GaussianBlur(g, (0, 0), 2) - cv2.GaussianBlur(g, (0, 0), 8))[inside] for g in grey]
        calm, deep = np.mean(np.quantile(apart, [0.5, 0.99], axis=1), axis=1)
        return float(calm), float(deep)

    (calm, deep), (calm_of_lined, deep_of_lined) = strengths(image.pixels), strengths(lined)
    assert deep_of_lined > 3 * deep
    assert calm_of_lined < 0.28 * deep_of_lined, f"{calm_of_lined}; {calm} without lines"


@pytest.mark.slow
def test_ink_on_a_palm_colours_nothing_and_is_gone() -> None:
    """Its darkness and its colour are no relief of the hand, in which the new lines would be drawn."""
    image = hand_images()[0]
    pixels = image.pixels.copy()
    middle = ValleyRule().corners(image.hands[0], pixels).mean(axis=0)
    width = np.hypot(*(image.hands[0].keypoints[5] - image.hands[0].keypoints[17]))
    ends = [np.round(middle + side * width * np.array([0.25, 0.2])).astype(int).tolist() for side in (-1, 1)]
    cv2.line(pixels, ends[0], ends[1], (20, 30, 120), 2)
    written, usual = (copy_of(each, f"{PLAIN},palms=consistent") for each in (replace(image, pixels=pixels), image))
    inside = square(image)
    apart = np.abs(written.astype(np.float32) - usual)[inside]
    assert np.abs(pixels.astype(np.float32) - image.pixels)[inside].max() > 90
    assert np.quantile(apart, 0.999) < 30
    assert apart.mean() < 4
