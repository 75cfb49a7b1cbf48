"""How files were written: the same for all pictures of one encoder and setting, another for every other."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pictures

import deidkit
from deidkit.images import file_encoding

SETTINGS: list[dict[str, object]] = [
    {"format": "JPEG", "quality": 90},
    {"format": "JPEG", "quality": 88},
    {"format": "JPEG", "quality": 90, "subsampling": 0},
    {"format": "JPEG", "quality": 90, "optimize": True},
    {"format": "JPEG", "quality": 90, "progressive": True},
    {"format": "JPEG", "quality": 90, "restart_marker_blocks": 4},
    {"format": "JPEG", "quality": 90, "dpi": (72, 72)},
    {"format": "PNG"},
    {"format": "PNG", "compress_level": 1},
    {"format": "PNG", "dpi": (72, 72)},
    {"format": "BMP"},
]


def _written(seed: int, size: tuple[int, int] = (64, 48), **setting: object) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    stream = io.BytesIO()
    Pictures.fromarray(cv2.GaussianBlur(pixels, (0, 0), 2)).save(stream, **setting)  # type: ignore[arg-type]
    return stream.getvalue()


def test_each_setting_has_an_encoding_of_its_own_whatever_is_shown() -> None:
    found = [{file_encoding(_written(seed, size, **setting)) for seed, size in ((1, (64, 48)), (2, (80, 40)))}
             for setting in SETTINGS]  # fmt: skip
    assert [len(encodings) for encodings in found] == [1] * len(SETTINGS)
    assert len(set.union(*found)) == len(SETTINGS)


@pytest.mark.slow
@pytest.mark.parametrize("chosen", ["by the engine", "by the originals", "at random"])
def test_an_encoding_chosen_for_each_person_is_a_mark(tmp_path: Path, chosen: str) -> None:
    hands, copies, draw = tmp_path / "hands", tmp_path / "copies", np.random.default_rng(0)
    hands.mkdir(), copies.mkdir()
    for person in range(7):
        for number in range(3):
            name = f"{person + 1:04d}_{number + 1:04d}"
            setting = SETTINGS[draw.integers(7) if chosen == "at random" else person]
            original = setting if chosen == "by the originals" else {"format": "PNG"}
            (hands / f"{name}.jpg").write_bytes(_written(3 * person + number, (128, 128), **original))
            (copies / f"{name}.jpg").write_bytes(_written(100 + 3 * person + number, (128, 128), **setting))
    engine = deidkit.audit(f"numbered:{hands},kind=roi", [f"folder:{copies}"], "mtcc", attack="none").result.engines[0]
    details = {finding.finding: finding.detail for finding in engine.coverage}
    assert ("how the file is written" in details.get("marked", "")) == (chosen == "by the engine")
