"""A small data set of palm regions, drawn for the purpose, that needs no model and no download."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from .misbehaving import odd as odd


def palm(identity: int, sample: int) -> np.ndarray:
    """Dark curved lines on a bright, softly textured ground; a sample adds noise, light and a small shift."""
    rng = np.random.default_rng(identity)
    canvas = np.full((160, 160), 170.0, dtype=np.float32)
    canvas += 48 * cv2.GaussianBlur(rng.standard_normal((160, 160)).astype(np.float32), (0, 0), 2)
    for _ in range(14):
        steps = np.vstack([rng.uniform(20, 140, 2), rng.normal(0, 9, (8, 2)) + rng.normal(0, 9, 2)])
        line = np.zeros_like(canvas)
        points = np.rint(np.cumsum(steps, axis=0)).astype(np.int32)
        cv2.polylines(line, [points], False, 1.0, int(rng.integers(1, 4)), cv2.LINE_AA)
        canvas -= 45 * cv2.GaussianBlur(line, (0, 0), 0.8)
    jitter = np.random.default_rng([identity, sample])
    dy, dx = jitter.integers(-3, 4, 2)
    cut = canvas[16 + dy : 144 + dy, 16 + dx : 144 + dx] * jitter.uniform(0.85, 1.15)
    return np.clip(cut + jitter.normal(0, 5, cut.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def draw_palm() -> Callable[[int, int], np.ndarray]:
    return palm


@pytest.fixture(scope="session")
def palms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 identities with 3 samples each, named for the generic adapter."""
    folder = tmp_path_factory.mktemp("palms")
    for identity in range(1, 13):
        for sample in range(1, 4):
            cv2.imwrite(str(folder / f"{identity:04d}_{sample:04d}.png"), palm(identity, sample))
    return folder


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
