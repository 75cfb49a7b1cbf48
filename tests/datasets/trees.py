"""Small trees of real pictures, named as the published data sets name theirs, and what adapters make of them."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from deidkit import plugins
from deidkit.protocols import Dataset


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


def opened(text: str) -> Any:
    return plugins.create("dataset", text)[0]


def understood(text: str) -> dict[str, tuple[str, str | None, str | None, str]]:
    dataset = opened(text)
    assert isinstance(dataset, Dataset)
    return {s.key: (s.subject, s.hand, s.session, s.kind) for s in dataset.samples()}


def left_out(text: str) -> dict[str, str]:
    return {item.key: item.reason for item in opened(text).skipped()}
