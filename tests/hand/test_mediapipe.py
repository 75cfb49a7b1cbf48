"""The detector on photographs; they and the model files may be absent, and then these tests say so and are skipped."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from deidkit import models, plugins
from deidkit.errors import MissingDependency, MissingModel, SampleError
from deidkit.hand import HandAnalysis, ValleyRule, network
from deidkit.hand.grabcut import GrabCut
from deidkit.hand.mediapipe import MediaPipe
from deidkit.protocols import HandAnalyzer, Sample
from deidkit.synthesis import HandGenerator

Photos = dict[str, NDArray[np.uint8]]

opencv_runs_it = pytest.mark.skipif(
    int(cv2.__version__.partition(".")[0]) < 5, reason=f"OpenCV {cv2.__version__} misplaces keypoints; 5 does not"
)

LEFT_HANDS = {
    "20250406193059_NC_001",
    "20250406231948_NC_126",
    "20250408185028_NC_021",
    "20250408191506_NC_137",
    "20250409160852_NC_133",
}
"""Told by eye; every other photograph of the two sets shows a right hand."""


def test_it_is_a_plugin_of_its_kind() -> None:
    assert isinstance(MediaPipe(), HandAnalyzer)


def test_making_one_reads_and_fetches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEIDKIT_MODELS", str(tmp_path / "nowhere"))
    made = MediaPipe()
    with pytest.raises(MissingModel, match="deidkit models fetch hands"):
        made.detect(np.zeros((50, 50, 3), np.uint8))


def test_a_truncated_model_file_is_refused(
    analyzer: MediaPipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = models.path("hands")
    monkeypatch.setenv("DEIDKIT_MODELS", str(tmp_path / "cache"))
    place = models.take("hands", source)
    file = place / "hand_landmark_full.tflite"
    file.write_bytes(file.read_bytes()[:100_000])
    with pytest.raises(MissingModel, match="damaged"):
        MediaPipe().prepare(print)


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "broken.tflite"
    file.write_bytes(b"nothing of the kind" * 100)
    with pytest.raises(MissingModel, match=r"broken\.tflite cannot be opened"):
        network.load(file, ("Identity",), network.runtime("auto"))


def test_litert_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match="pip install ai-edge-litert"):
        MediaPipe(runtime="litert")


@opencv_runs_it
def test_opencv_steps_in_where_litert_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert MediaPipe().version.endswith("opencv")  # and the report says so


def test_the_report_gets_the_hash_of_both_files(analyzer: MediaPipe) -> None:
    _, component = plugins.create("hand_analyzer", "mediapipe:max_hands=1")
    expected = {file.name: file.sha256 for file in models.find("hands").files}
    assert component.weights == expected


@pytest.mark.parametrize("shape", [(1, 1), (2, 7), (30, 900), (240, 320)])
def test_a_black_picture_has_no_hand(analyzer: MediaPipe, shape: tuple[int, int]) -> None:
    assert list(analyzer.detect(np.zeros((*shape, 3), np.uint8))) == []


def test_pictures_without_a_hand(analyzer: MediaPipe) -> None:
    generator = np.random.default_rng(0)
    y, x = np.mgrid[0:300, 0:400]
    stripes = np.repeat((127 + 120 * np.sin(x / 9 + y / 30))[..., None], 3, axis=2).astype(np.uint8)
    for picture in (generator.integers(0, 256, (300, 400, 3), dtype=np.uint8), stripes):
        assert list(analyzer.detect(picture)) == []


@pytest.mark.slow
def test_every_photograph_shows_its_hand(analyzer: MediaPipe, coep: Photos, open_photos: Photos) -> None:
    for name, picture in {**coep, **open_photos}.items():
        hands = analyzer.detect(picture)
        assert len(hands) == 1, name
        (hand,) = hands
        assert hand.handedness == ("left" if name in LEFT_HANDS else "right"), name
        assert hand.score > 0.9, name
        assert hand.keypoints.shape == (21, 2)
        assert hand.keypoints_3d is not None
        assert hand.keypoints_3d.shape == (21, 3)
        assert 0.05 < np.ptp(hand.keypoints_3d, axis=0).max() < 0.3, name  # metres
        assert (hand.box[:2] >= 0).all()
        assert (hand.box[2:] <= picture.shape[1::-1]).all()


def test_keypoints_turn_with_the_picture(analyzer: MediaPipe, coep: Photos) -> None:
    picture = next(iter(coep.values()))
    (hand,) = analyzer.detect(picture)
    palm = np.linalg.norm(hand.keypoints[9] - hand.keypoints[0])
    expected = hand.keypoints
    for quarters in (1, 2, 3):
        expected = np.stack([expected[:, 1], picture.shape[1] - expected[:, 0]], axis=1)
        picture = np.ascontiguousarray(np.rot90(picture))
        (turned,) = analyzer.detect(picture)
        assert np.linalg.norm(turned.keypoints - expected, axis=1).mean() < 0.03 * palm
        assert turned.handedness == "right"
        assert hand.keypoints_3d is not None
        assert turned.keypoints_3d is not None
        cos, sin = np.cos(-quarters * np.pi / 2), np.sin(-quarters * np.pi / 2)
        spin = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
        assert np.abs(turned.keypoints_3d - hand.keypoints_3d @ spin).mean() < 0.004


def test_a_mirrored_picture_shows_the_other_hand(analyzer: MediaPipe, coep: Photos) -> None:
    for picture in list(coep.values())[::5]:
        (hand,) = analyzer.detect(np.ascontiguousarray(picture[:, ::-1]))
        assert hand.handedness == "left"


def test_two_hands_in_one_picture(analyzer: MediaPipe, coep: Photos) -> None:
    one, other = list(coep.values())[:2]
    picture = np.ascontiguousarray(np.vstack([one, other[:, ::-1]]))
    hands = analyzer.detect(picture)
    assert sorted(hand.handedness for hand in hands) == ["left", "right"]
    assert hands[0].score >= hands[1].score


def placed(count: int, size: tuple[int, int] = (240, 320)) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Drawn hands of different people side by side, every second one upside down, and their true palms' middles."""
    generator = HandGenerator(31, *size)
    pictures, middles = [], []
    for number in range(count):
        drawn = generator.sample(generator.identity(number + 1, "left" if number % 2 else "right"), 0)
        middle = drawn.keypoints[[0, 5, 9, 13, 17]].mean(axis=0)
        hangs = number % 2 == 1
        pictures.append(drawn.pixels[::-1, ::-1] if hangs else drawn.pixels)
        middles.append((np.array(size) - middle if hangs else middle) + [number * size[0], 0])
    return np.ascontiguousarray(np.hstack(pictures)), np.array(middles, np.float32)


@pytest.mark.parametrize("count", [2, 3, 4, 6])
def test_every_hand_in_a_picture_is_found(analyzer: MediaPipe, count: int) -> None:
    picture, middles = placed(count)
    hands = analyzer.detect(picture)
    assert len(hands) == count
    assert hands.unread == 0
    found = np.array([hand.keypoints[[0, 5, 9, 13, 17]].mean(axis=0) for hand in hands])
    assert np.linalg.norm(found[None] - middles[:, None], axis=2).min(axis=1).max() < 15


def test_more_hands_than_allowed_fail_with_their_number(analyzer: MediaPipe) -> None:
    picture, _ = placed(3)
    with pytest.raises(SampleError, match=r"^3 hands found, more than max_hands=2 allows$"):
        MediaPipe(max_hands=2).detect(picture)


def test_a_small_hand_beside_a_large_one_is_found(analyzer: MediaPipe) -> None:
    """A palm of 60 pixels in a picture of 1600: a twenty-fifth of its side."""
    generator = HandGenerator(31, 750, 1000)
    large = generator.sample(generator.identity(1), 0).pixels
    small = HandGenerator(31, 165, 220)
    far = small.sample(small.identity(2), 0)
    scene = np.full((1200, 1600, 3), 120, np.uint8)
    scene[100:1100, 50:800] = large
    scene[850:1070, 1300:1465] = far.pixels
    hands = analyzer.detect(scene)
    assert len(hands) == 2
    truth = far.keypoints + np.array([1300, 850])
    assert min(np.linalg.norm(hand.keypoints - truth, axis=1).mean() for hand in hands) < 8


@pytest.mark.slow
def test_hands_cut_by_the_border_and_filling_the_picture(analyzer: MediaPipe, coep: Photos) -> None:
    for picture in list(coep.values())[::6]:
        (whole,) = analyzer.detect(picture)
        x0, y0, x1, y1 = whole.box.astype(int)
        for part in (picture[y0:y1, x0:x1], picture[y0 : y0 + 3 * (y1 - y0) // 4], picture[:, x0 + (x1 - x0) // 5 :]):
            assert len(analyzer.detect(np.ascontiguousarray(part))) == 1


@pytest.mark.slow
def test_a_far_hand_is_found(analyzer: MediaPipe, coep: Photos) -> None:
    picture = next(iter(coep.values()))
    scene = np.full((3000, 4000, 3), 90, np.uint8)
    scene[2100:2700, 2900:3700] = picture
    assert len(analyzer.detect(scene)) == 1


@pytest.mark.slow
@opencv_runs_it
def test_the_runtimes_agree(analyzer: MediaPipe, coep: Photos) -> None:
    opencv = MediaPipe(runtime="opencv")
    for picture in list(coep.values())[::7]:
        (one,), (other,) = analyzer.detect(picture), opencv.detect(picture)
        assert np.abs(one.keypoints - other.keypoints).max() < 2.5
        assert one.handedness == other.handedness


@pytest.mark.slow
def test_threads_get_the_same_answers(analyzer: MediaPipe, coep: Photos) -> None:
    pictures = list(coep.values())[:6]
    alone = [analyzer.detect(picture)[0].keypoints for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda picture: analyzer.detect(picture)[0].keypoints, pictures))
    for one, other in zip(alone, together, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.slow
def test_two_pictures_of_a_palm_give_alike_regions(analyzer: MediaPipe, coep: Photos) -> None:
    """Every region is more like the other one of its palm than any of another palm, up to a shift of 12 pixels."""
    analysis = HandAnalysis(analyzer, GrabCut(), ValleyRule())
    names = list(coep)
    regions = [creases(analysis.roi(analysis.image(Sample(name, name[:3]), coep[name]))) for name in names]
    alike = np.array([[likeness(one, other) for other in regions] for one in regions])
    alike += alike.T
    np.fill_diagonal(alike, -1)
    assert all(names[row][:3] == names[best][:3] for row, best in enumerate(alike.argmax(axis=1)))


def creases(region: NDArray[np.uint8]) -> NDArray[np.float32]:
    fine, coarse = (cv2.GaussianBlur(region.astype(np.float32), (0, 0), sigma) for sigma in (2, 10))
    return np.asarray(fine - coarse, np.float32)


def likeness(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(cv2.matchTemplate(one, other[12:-12, 12:-12], cv2.TM_CCOEFF_NORMED).max())
