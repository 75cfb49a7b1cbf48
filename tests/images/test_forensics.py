from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from deidkit.errors import SampleError
from deidkit.images import file_findings


def findings(path: Path) -> list[str]:
    """Kinds of what was found, each once."""
    return list(dict.fromkeys(found.kind for found in file_findings(path.read_bytes())))


PLAIN = Pillow.fromarray(np.random.default_rng(0).integers(0, 256, (32, 40, 3), dtype=np.uint8))


def saved(path: Path, **options: Any) -> list[str]:
    PLAIN.save(path, **options)
    return findings(path)


def segment(path: Path, marker: int, content: bytes) -> list[str]:
    """A JPEG with one more segment after its first."""
    PLAIN.save(path)
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content + data[2:])
    return findings(path)


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "tif", "webp", "gif", "ppm"])
def test_a_clean_file(tmp_path: Path, suffix: str) -> None:
    assert saved(tmp_path / f"a.{suffix}") == []


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_exif_and_position(tmp_path: Path, suffix: str) -> None:
    exif = Pillow.Exif()
    exif[271] = "Maker"
    assert saved(tmp_path / f"a.{suffix}", exif=exif) == ["EXIF"]
    if suffix == "tif":
        tags = ImageFileDirectory_v2()
        tags[271], tags[0x8825] = "Maker", {1: "N"}
        assert saved(tmp_path / "b.tif", tiffinfo=tags) == ["EXIF", "GPS position"]
        return
    exif.get_ifd(0x8825)[1] = "N"
    assert saved(tmp_path / f"b.{suffix}", exif=exif) == ["EXIF", "GPS position"]


def test_the_thumbnail_of_the_original(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    PLAIN.resize((16, 16)).save(buffer, "JPEG")
    small = buffer.getvalue()
    offset = 8 + 2 + 12 + 4
    first = struct.pack("<HHHIHH", 1, 274, 3, 1, 1, 0) + struct.pack("<I", offset)
    second = (
        struct.pack("<H", 2)
        + struct.pack("<HHII", 513, 4, 1, offset + 30)
        + struct.pack("<HHII", 514, 4, 1, len(small))
    )
    exif = b"Exif\0\0II*\0" + struct.pack("<I", 8) + first + second + struct.pack("<I", 0) + small
    assert segment(tmp_path / "a.jpg", 0xE1, exif) == ["EXIF", "EXIF thumbnail"]


def test_xmp(tmp_path: Path) -> None:
    assert saved(tmp_path / "a.jpg", xmp=b"<x:xmpmeta/>") == ["XMP"]
    assert saved(tmp_path / "b.webp", xmp=b"<xmpGImg:image>AAAA</xmpGImg:image>") == ["XMP", "XMP thumbnail"]
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta/>")
    assert saved(tmp_path / "c.png", pnginfo=info) == ["XMP"]
    assert saved(tmp_path / "d.tif", tiffinfo={700: b"<x:xmpmeta/>"}) == ["XMP"]


def test_iptc_and_photoshop_thumbnail(tmp_path: Path) -> None:
    iptc = b"\x1c\x02\x50\0\x03Bob"
    resource = b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc
    assert segment(tmp_path / "a.jpg", 0xED, resource) == ["IPTC"]
    small = b"Photoshop 3.0\x008BIM\x04\x0c\0\0" + struct.pack(">I", 4) + b"\0\0\0\1"
    assert "Photoshop thumbnail" in segment(tmp_path / "b.jpg", 0xED, small)


def test_comments(tmp_path: Path) -> None:
    assert saved(tmp_path / "a.jpg", comment=b"palm of Bob") == ["comment"]
    info = PngInfo()
    info.add_text("Author", "Bob")
    assert saved(tmp_path / "a.png", pnginfo=info) == ["comment"]


def test_other_containers(tmp_path: Path) -> None:
    assert segment(tmp_path / "a.jpg", 0xEB, b"JP\0\1....jumb") == ["application data (APP11)"]
    assert segment(tmp_path / "b.jpg", 0xE0, b"JFXX\0\x10") == ["JFIF thumbnail"]
    PLAIN.save(tmp_path / "c.jpg", "MPO", save_all=True, append_images=[PLAIN])
    assert "second picture" in findings(tmp_path / "c.jpg")


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_bytes_after_the_end(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    PLAIN.save(path)
    original = path.read_bytes()
    path.write_bytes(original + original)
    assert findings(path) == ["second picture" if suffix == "jpg" else "bytes after the picture's end"]


def test_a_progressive_jpeg_ends_where_it_ends(tmp_path: Path) -> None:
    assert saved(tmp_path / "a.jpg", progressive=True, quality=100) == []


def test_colours_under_transparency(tmp_path: Path) -> None:
    hidden = PLAIN.convert("RGBA")
    hidden.putalpha(0)
    hidden.save(tmp_path / "a.png")
    assert findings(tmp_path / "a.png") == ["colours under transparency"]
    Pillow.new("RGBA", (4, 4)).save(tmp_path / "b.png")
    assert findings(tmp_path / "b.png") == []


def test_a_file_that_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("text")
    with pytest.raises(SampleError, match="not a picture"):
        findings(tmp_path / "a.jpg")
