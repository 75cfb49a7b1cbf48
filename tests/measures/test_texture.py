"""Palm texture against waves of known frequency, of which the answer can be written down."""

from __future__ import annotations

import numpy as np
import pytest

from deidkit.measures.texture import palm_texture

PALM = np.ones((128, 128), bool)


def waves(cycles: float, amplitude: float, mean: float = 120.0) -> np.ndarray:
    """Grey levels that go up and down so often across the region, in both directions."""
    rows, columns = np.mgrid[:128, :128] * 2 * np.pi * cycles / 128
    return np.round(mean + amplitude * np.sin(rows) * np.cos(columns)).astype(np.uint8)


def test_half_of_the_amplitude_is_half_of_the_texture() -> None:
    assert palm_texture(waves(16, 40), waves(16, 20), PALM) == pytest.approx(50, abs=0.5)
    assert palm_texture(waves(16, 20), waves(16, 40), PALM) == pytest.approx(200, abs=2)


def test_light_is_no_texture() -> None:
    """Twice the light on the same skin doubles its grey levels."""
    assert palm_texture(waves(16, 20, mean=60), waves(16, 40, mean=120), PALM) == pytest.approx(100, abs=1)


def test_blotches_are_no_fine_texture() -> None:
    """Of the same height, at a quarter of the frequency."""
    found = palm_texture(waves(16, 30), waves(4, 30), PALM)
    assert found is not None and found < 12


def test_black_is_none() -> None:
    assert palm_texture(waves(16, 20), np.zeros((128, 128), np.uint8), PALM) == 0


def test_what_lies_beside_the_palm_counts_for_nothing() -> None:
    palm = np.zeros((128, 128), bool)
    palm[20:100, 20:100] = True
    copy = np.where(palm, waves(16, 20), 255).astype(np.uint8)
    assert palm_texture(waves(16, 20), copy, palm) == pytest.approx(100, abs=0.5)


@pytest.mark.parametrize(
    ("original", "palm"),
    [(np.full((128, 128), 90, np.uint8), PALM), (waves(16, 20), np.eye(128, dtype=bool))],
    ids=["no texture", "no palm"],
)
def test_nothing_to_compare_with(original: np.ndarray, palm: np.ndarray) -> None:
    assert palm_texture(original, original, palm) is None
