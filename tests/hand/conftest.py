from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from deidkit.protocols import Hand

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"

# An upright right palm: fingers up, thumb on the right; wrist at (0, 0), y downwards, palm length 100.
_RIGHT_PALM = [
    *[(0, 0), (42, -22), (68, -52), (88, -80), (104, -104)],
    *[(30, -98), (36, -138), (40, -162), (43, -184)],
    *[(4, -100), (6, -146), (7, -174), (8, -198)],
    *[(-20, -94), (-24, -136), (-27, -162), (-29, -184)],
    *[(-42, -80), (-54, -110), (-61, -130), (-67, -148)],
]


def _hand(left: bool = False, scale: float = 1.0, turn: float = 0.0, at: tuple[float, float] = (200.0, 260.0)) -> Hand:
    points = np.array(_RIGHT_PALM, float) * scale
    if left:
        points[:, 0] *= -1
    cos, sin = np.cos(turn), np.sin(turn)
    points = points @ np.array([[cos, sin], [-sin, cos]]) + at
    box = np.concatenate([points.min(axis=0), points.max(axis=0)])
    return Hand(box.astype(np.float32), points.astype(np.float32), None, "left" if left else "right", 1.0)


def _filled(hand: Hand, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The hand as flesh around its bones: truth for a segmenter."""
    canvas = np.zeros(shape, np.uint8)
    points = hand.keypoints.astype(int)
    length = float(np.linalg.norm(hand.keypoints[9] - hand.keypoints[0]))
    cv2.fillConvexPoly(canvas, cv2.convexHull(points[[0, 1, 2, 5, 9, 13, 17]]), 1)
    canvas = np.asarray(cv2.dilate(canvas, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (int(0.2 * length),) * 2)))
    for start in (1, 5, 9, 13, 17):
        line = points[start : start + 4].reshape(-1, 1, 2)
        cv2.polylines(canvas, [line], False, 1, int(0.2 * length))
    return canvas.astype(bool)


@pytest.fixture(scope="session")
def make_hand() -> Callable[..., Hand]:
    return _hand


@pytest.fixture(scope="session")
def fill_hand() -> Callable[[Hand, tuple[int, int]], NDArray[np.bool_]]:
    return _filled


def _read(file: Path, flags: int = cv2.IMREAD_COLOR) -> NDArray[np.uint8]:
    picture = cv2.imread(str(file), flags)
    assert picture is not None, file.name
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


@pytest.fixture(scope="session")
def coep() -> dict[str, NDArray[np.uint8]]:
    """Photographs of ten right palms, two of each, from beside the checkout."""
    folder = SHARED / "tierB_local_only/coep_whole_hand"
    if not folder.is_dir():
        pytest.skip(f"no photographs in {folder}")
    files = [file for file in sorted(folder.glob("*.jpg")) if file.stem[-1] in "13"]
    return {file.stem: _read(file) for file in files}


@pytest.fixture(scope="session")
def open_photos() -> dict[str, NDArray[np.uint8]]:
    """Photographs of fourteen hands in all positions, at half their resolution."""
    folder = SHARED / "tierA_open"
    if not folder.is_dir():
        pytest.skip(f"no photographs in {folder}")
    files = sorted(folder.glob("11k_hands_repo/*.jpg")) + sorted(folder.glob("xjtu*/original/*.jpg"))
    return {file.stem: _read(file, cv2.IMREAD_REDUCED_COLOR_2) for file in files}
