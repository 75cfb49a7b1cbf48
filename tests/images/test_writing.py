from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from deidkit.errors import SampleError
from deidkit.images import WRITABLE_SUFFIXES, file_findings, read_image, thumbnail, write_image


def picture(height: int = 48, width: int = 64) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return np.dstack([x * 255 // width, y * 255 // height, 255 - x * 255 // width]).astype(np.uint8)


@pytest.mark.parametrize("suffix", sorted(WRITABLE_SUFFIXES))
def test_what_is_written_is_read_and_holds_pixels_only(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"Hand 1 é{suffix.upper()}"
    write_image(path, picture())
    read = read_image(path)
    if suffix in (".jpg", ".jpeg", ".jpe", ".jfif"):
        assert np.abs(read.astype(int) - picture()).max() <= 12
    else:
        np.testing.assert_array_equal(read, picture())
    assert file_findings((path).read_bytes()) == []
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_jpeg_keeps_full_colour_resolution(tmp_path: Path) -> None:
    write_image(tmp_path / "a.jpg", picture())
    with Pillow.open(tmp_path / "a.jpg") as written:
        assert [layer[1:3] for layer in written.layer] == [(1, 1)] * 3  # type: ignore[attr-defined]


def test_grey_is_written_as_grey(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", picture()[:, :, 0])
    with Pillow.open(tmp_path / "a.png") as written:
        assert written.mode == "L"


def test_an_existing_file_is_replaced_whole(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"old")
    write_image(tmp_path / "a.png", picture())
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), picture())


def test_formats_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match=r"cannot be written as '\.gif'"):
        write_image(tmp_path / "a.gif", picture())
    with pytest.raises(SampleError, match="cannot be written"):
        write_image(tmp_path / "none" / "a.png", picture())
    with pytest.raises(SampleError, match="of this size"):
        write_image(tmp_path / "a.webp", np.zeros((2, 20000, 3), np.uint8))
    with pytest.raises(ValueError, match="not an RGB"):
        write_image(tmp_path / "a.png", np.zeros((4, 4, 4), np.uint8))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("shape", "side", "size"), [((600, 800), 256, (256, 192)), ((50, 40), 256, (40, 50)),
                                                     ((1, 1000), 100, (100, 1))])  # fmt: skip
def test_thumbnail(shape: tuple[int, int], side: int, size: tuple[int, int]) -> None:
    small = Pillow.open(io.BytesIO(thumbnail(picture(*shape), side)))
    assert (small.format, small.size) == ("WEBP", size)
