"""Small trees of real pictures, named as the published data sets name theirs."""

from __future__ import annotations

import zlib
from pathlib import Path

import cv2
import numpy as np


def write(path: Path, side: tuple[int, int] = (32, 24), seed: str | None = None) -> Path:
    """A picture whose pixels follow from its path (or from `seed`): no two alike."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(zlib.crc32((seed or str(path)).encode()))
    suffix = path.suffix.lower()
    data = cv2.imencode(suffix, rng.integers(0, 256, (side[1], side[0], 3), dtype=np.uint8))[1]
    path.write_bytes(data.tobytes())
    return path


def tree(root: Path, *names: str, side: tuple[int, int] = (32, 24)) -> Path:
    for name in names:
        write(root / name, side)
    return root
