from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from deidkit.errors import SampleError
from deidkit.images import decode_image, file_findings, hidden_pictures, write_image


def findings(path: Path) -> list[str]:
    """Kinds of what was found, each once."""
    return list(dict.fromkeys(found.kind for found in file_findings(path.read_bytes())))


CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"
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


def shown(data: bytes) -> np.ndarray:
    return decode_image(data)


def encoded(kind: str, picture: Pillow.Image = PLAIN, **options: Any) -> bytes:
    with io.BytesIO() as file:
        picture.save(file, kind, **options)
        return file.getvalue()


def kinds(data: bytes) -> list[str]:
    return list(dict.fromkeys(found.kind for found in file_findings(data)))


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_with(kind: bytes, content: bytes, picture: Pillow.Image = PLAIN) -> bytes:
    data = encoded("PNG", picture)
    at = data.index(b"IDAT") - 4
    return data[:at] + chunk(kind, content) + data[at:]


def jpeg_with(marker: int, content: bytes) -> bytes:
    data = encoded("JPEG")
    return data[:2] + b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content + data[2:]


SECRET = encoded("JPEG", PLAIN.resize((24, 20)))

CARRIERS = {
    "JPEG comment": (jpeg_with(0xFE, SECRET), "comment"),
    "JPEG colour profile": (jpeg_with(0xE2, b"ICC_PROFILE\0\1\1" + SECRET), "colour profile"),
    "JPEG Adobe segment": (jpeg_with(0xEE, b"Adobe\0\x64\0\0\0\0\0" + SECRET), "unusual Adobe segment"),
    "JPEG Adobe flags": (jpeg_with(0xEE, b"Adobe\x12\x34\x56\x78\x9a\xbc\1"), "unusual Adobe segment"),
    "JPEG empty EXIF": (jpeg_with(0xE1, b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0" + SECRET), "EXIF"),
    "JPEG other data": (jpeg_with(0xE9, SECRET), "application data (APP9)"),
    "JPEG unused table": (jpeg_with(0xDB, b"\3" + bytes(range(1, 65))), "unused tables"),
    "JPEG second frame": (encoded("JPEG") + SECRET, "second picture"),
    "JPEG end": (encoded("JPEG") + b"PK\3\4" + SECRET, "bytes after the picture's end"),
    "PNG text": (png_with(b"tEXt", b"a\0" + SECRET), "comment"),
    "PNG private chunk": (png_with(b"prIv", SECRET), "application data (private chunk)"),
    "PNG colour profile": (png_with(b"iCCP", b"a\0\0" + SECRET), "colour profile"),
    "PNG palette of a true-colour picture": (png_with(b"PLTE", bytes(768)), "suggested palette"),
    "PNG suggested palette": (png_with(b"sPLT", b"a\0\x08" + SECRET), "suggested palette"),
    "PNG unusual gamma": (png_with(b"gAMA", b"\1\2\3\4"), "colour description"),
    "PNG end": (encoded("PNG") + SECRET, "bytes after the picture's end"),
    "WebP chunk": (encoded("WEBP", exif=b"II*\0" + SECRET), "EXIF"),
    "WebP end": (encoded("WEBP") + SECRET, "bytes after the picture's end"),
    "BMP end": (encoded("BMP") + SECRET, "bytes after the picture's end"),
    "GIF comment": (encoded("GIF", comment=SECRET[:200]), "comment"),
    "GIF end": (encoded("GIF") + SECRET, "bytes after the picture's end"),
    "TIFF end": (encoded("TIFF") + SECRET, "bytes after the picture's end"),
    "TIFF private tag": (encoded("TIFF", tiffinfo={65000: SECRET}), "EXIF"),
    "PPM comment": (encoded("PPM").replace(b"P6\n", b"P6\n# who\n", 1), "comment"),
    "PPM end": (encoded("PPM") + SECRET, "bytes after the picture's end"),
}


@pytest.mark.parametrize("name", sorted(CARRIERS))
def test_whatever_pixels_do_not_need_is_found(name: str) -> None:
    data, kind = CARRIERS[name]
    assert kinds(data) == [kind]
    whole = encoded({"WebP": "WEBP"}.get(name.split()[0], name.split()[0]))
    np.testing.assert_array_equal(shown(data), shown(whole))
    (found,) = file_findings(data)
    assert found.size > 0 and found.where and SECRET not in repr(found).encode()


def test_where_a_picture_is_carried_it_comes_to_light() -> None:
    """Each is the same small JPEG in another part of the file."""
    small = shown(SECRET)
    for name, (data, _) in CARRIERS.items():
        if SECRET in data and name != "WebP chunk":
            assert any(np.array_equal(small, found) for found in hidden_pictures(data)), name
    assert hidden_pictures(encoded("JPEG")) == []
    assert hidden_pictures(encoded("PNG")) == []


def test_bytes_between_the_parts_of_a_file() -> None:
    bmp = bytearray(encoded("BMP"))
    offset = int.from_bytes(bmp[10:14], "little")
    bmp[offset:offset] = SECRET
    bmp[10:14] = (offset + len(SECRET)).to_bytes(4, "little")
    assert kinds(bytes(bmp)) == ["bytes between the parts of the file"]
    np.testing.assert_array_equal(hidden_pictures(bytes(bmp))[0], shown(SECRET))
    tiff = bytearray(encoded("TIFF"))
    directory = int.from_bytes(tiff[4:8], "little")
    tiff += SECRET + tiff[directory:]
    tiff[4:8] = (len(tiff) - (len(tiff) - directory - len(SECRET)) // 2).to_bytes(4, "little")
    assert "bytes between the parts of the file" in kinds(bytes(tiff))
    np.testing.assert_array_equal(shown(bytes(tiff)), shown(encoded("TIFF")))


def test_bytes_between_the_rows_of_a_bmp() -> None:
    data = bytearray(encoded("BMP", PLAIN.crop((0, 0, 39, 32))))
    assert kinds(bytes(data)) == []
    data[-1] = 7
    assert kinds(bytes(data)) == ["bytes between the rows"]


def test_bytes_behind_the_pixels_of_a_png_in_their_own_stream() -> None:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0))
    rows = bytes(8 * 25)
    for stream in (zlib.compress(rows + SECRET), zlib.compress(rows) + SECRET):
        data = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", stream) + chunk(b"IEND", b"")
        (found,) = file_findings(data)
        assert (found.kind, found.size) == ("bytes after the picture's end", len(SECRET))


def test_alpha_that_is_not_the_same_everywhere() -> None:
    plane = np.random.default_rng(1).integers(240, 256, (32, 40), dtype=np.uint8)
    for kind in ("PNG", "TIFF", "WEBP"):
        carrier = PLAIN.convert("RGBA")
        carrier.putalpha(Pillow.fromarray(plane))
        data = encoded(kind, carrier, **({"lossless": True} if kind == "WEBP" else {}))
        assert kinds(data) == ["alpha"]
        planes = hidden_pictures(data)
        assert any(np.array_equal(found[:, :, 0], plane) for found in planes)
        assert any(np.array_equal(found, np.asarray(PLAIN)) for found in planes), "the colours without their alpha"
        carrier.putalpha(255)
        assert kinds(encoded(kind, carrier, **({"lossless": True} if kind == "WEBP" else {}))) == []


def test_the_second_byte_of_16_bits(tmp_path: Path) -> None:
    high, low = (np.random.default_rng(seed).integers(100, 200, (20, 30, 3), dtype=np.uint16) for seed in (1, 2))
    for suffix in (".png", ".tif"):
        cv2.imwrite(str(tmp_path / f"a{suffix}"), ((high << 8) | low)[:, :, ::-1])
        data = (tmp_path / f"a{suffix}").read_bytes()
        assert kinds(data) == ["more than 8 bits"]
        np.testing.assert_array_equal(hidden_pictures(data)[0], low)


def test_channels_that_nobody_is_shown() -> None:
    plane = np.random.default_rng(1).integers(0, 256, (32, 40), dtype=np.uint8)
    bmp = bytearray(encoded("BMP", Pillow.fromarray(np.dstack([np.asarray(PLAIN), plane]), "RGBA")))
    bmp[30:34] = bytes(4)  # without masks, so that the fourth byte is of no use
    if bmp[14] == 40:
        assert kinds(bytes(bmp)) == ["further channels"]
        np.testing.assert_array_equal(hidden_pictures(bytes(bmp))[0][:, :, 0], plane)
    four = encoded("TIFF", Pillow.merge("RGBX", [*PLAIN.split(), Pillow.fromarray(plane)]))
    assert "further channels" in kinds(four)
    assert any(np.array_equal(found[:, :, 0], plane) for found in hidden_pictures(four))
    np.testing.assert_array_equal(shown(four), np.asarray(PLAIN))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".tif", ".webp", ".ppm"])
@pytest.mark.parametrize("grey", [False, True])
def test_files_that_deidkit_writes_hold_nothing_else(tmp_path: Path, suffix: str, grey: bool) -> None:
    if grey and suffix == ".ppm":
        pytest.skip("a PPM holds colours only")
    pixels = np.asarray(PLAIN)[:, :39]
    write_image(tmp_path / f"a{suffix}", pixels[:, :, 0] if grey else pixels)
    assert file_findings((tmp_path / f"a{suffix}").read_bytes()) == []


@settings(max_examples=150, deadline=None)
@given(st.integers(0xE0, 0xFE), st.binary(min_size=1, max_size=60), st.integers(0, 10))
def test_no_segment_of_a_jpeg_is_overlooked(marker: int, content: bytes, place: int) -> None:
    """Whatever is put in between two segments is found, and does not change the picture."""
    data = encoded("JPEG", progressive=True)
    starts, position = [], 2
    while data[position + 1] != 0xDA:
        starts.append(position)
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    at = starts[place % len(starts)]
    segment = b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content
    carrier = data[:at] + segment + data[at:]
    assert file_findings(carrier)
    np.testing.assert_array_equal(shown(carrier), shown(data))


@pytest.mark.skipif(not CASES.exists(), reason="needs the folder `shared` with cases beside the checkout")
def test_findings_refuse_no_picture_that_is_read() -> None:
    for path in (CASES / "costly_pictures").iterdir():
        data = path.read_bytes()
        try:
            decode_image(data)
        except SampleError:
            continue
        file_findings(data)
