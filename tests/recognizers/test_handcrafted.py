"""What holds for every hand-crafted recognizer, on palms drawn for the purpose."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from deidkit import plugins

NAMES = [
    "bocv", "compcode", "doc", "drcc", "ebocv", "edm", "fast-cc", "fast-rloc", "fusioncode",
    "mtcc:preset=A", "mtcc:preset=B", "ordinalcode", "palmcode", "rloc",
]  # fmt: skip


def palm(identity: int, sample: int, side: int = 128) -> np.ndarray:
    """Dark curved lines on a bright, softly textured ground; a sample adds noise, light and a small shift."""
    rng = np.random.default_rng(identity)
    canvas = np.full((160, 160), 170.0, dtype=np.float32)
    canvas += 12 * cv2.GaussianBlur(rng.standard_normal((160, 160)).astype(np.float32), (0, 0), 2) * 4
    for _ in range(14):
        points = np.cumsum(np.vstack([rng.uniform(20, 140, 2), rng.normal(0, 9, (8, 2)) + rng.normal(0, 9, 2)]), axis=0)
        line = np.zeros_like(canvas)
        cv2.polylines(line, [np.rint(points).astype(np.int32)], False, 1.0, int(rng.integers(1, 4)), cv2.LINE_AA)
        canvas -= 45 * cv2.GaussianBlur(line, (0, 0), 0.8)
    jitter = np.random.default_rng([identity, sample])
    dy, dx = jitter.integers(-3, 4, 2)
    cut = canvas[16 + dy : 16 + dy + side, 16 + dx : 16 + dx + side] * jitter.uniform(0.85, 1.15)
    return np.clip(cut + jitter.normal(0, 5, cut.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def palms() -> list[np.ndarray]:
    return [palm(identity, sample) for identity in range(8) for sample in range(3)]


@pytest.mark.parametrize("name", NAMES)
def test_tells_identities_apart_and_keeps_its_contract(name: str, palms: list[np.ndarray]) -> None:
    recognizer, _ = plugins.create("recognizer", name)
    templates = recognizer.extract(palms)
    one_by_one = np.concatenate([recognizer.extract([image]) for image in palms])
    np.testing.assert_array_equal(templates, one_by_one)
    distances = recognizer.compare(templates, templates)
    low, high = recognizer.score_range
    assert distances.shape == (24, 24)
    assert low <= distances.min()
    assert distances.max() <= high
    np.testing.assert_allclose(distances, distances.T, rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.diag(distances), 0.0, atol=1e-12) if name != "ebocv" else None
    np.testing.assert_allclose(recognizer.compare(templates[3:5], templates)[1], distances[4], rtol=0, atol=1e-15)
    identity = np.repeat(np.arange(8), 3)
    upper = np.triu_indices(24, 1)
    genuine = identity[upper[0]] == identity[upper[1]]
    scores = distances[upper]
    # the larger share of genuine scores lies below nearly all impostor scores
    assert np.median(scores[genuine]) < np.quantile(scores[~genuine], 0.05)


@pytest.mark.parametrize("name", NAMES)
def test_a_flat_picture_gives_a_template_and_a_finite_distance(name: str) -> None:
    recognizer, _ = plugins.create("recognizer", name)
    templates = recognizer.extract([np.zeros((128, 128), np.uint8), np.full((128, 128), 255, np.uint8), palm(1, 0)])
    distances = recognizer.compare(templates, templates)
    assert np.isfinite(distances).all()
    assert distances.max() <= recognizer.score_range[1]


def test_the_preset_is_in_the_label_and_moves_the_scores(palms: list[np.ndarray]) -> None:
    means = {}
    for preset in "AB":
        recognizer, component = plugins.create("recognizer", f"mtcc:preset={preset}")
        assert component.options == {"preset": preset}
        templates = recognizer.extract(palms)
        means[preset] = recognizer.compare(templates[::3], templates[::3])[np.triu_indices(8, 1)].mean()
    assert means["B"] < means["A"]  # a minimum for each plane pulls impostors down


def test_mtcc_says_its_preset_and_has_the_papers(palms: list[np.ndarray]) -> None:
    templates, said = {}, {}
    for preset in ("A", "B", "paper"):
        recognizer, component = plugins.create("recognizer", f"mtcc:preset={preset}")
        templates[preset], said[preset] = recognizer.extract(palms), component.remark
    assert np.array_equal(templates["B"], templates["paper"])
    assert not np.array_equal(templates["A"], templates["B"])
    assert said["A"].startswith("preset A") and said["B"] == said["paper"] and said["B"].startswith("preset B")
