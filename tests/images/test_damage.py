"""Damaged files are not pictures, and whole ones of any encoder are."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from deidkit.errors import SampleError
from deidkit.images import decode_image, read_image

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"


def picture(height: int = 90, width: int = 110) -> np.ndarray:
    """Edges and gradients at random, as a photograph has them."""
    noise = np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3).astype(int)
    return np.clip((smooth - 128) * 5 + 128, 0, 255).astype(np.uint8)


def saved(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    with io.BytesIO() as file:
        Pillow.fromarray(picture()).convert(mode).save(file, kind, **options)
        return file.getvalue()


JPEGS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "optimized": {"optimize": True},
    "progressive": {"progressive": True},
    "grey": {"mode": "L"},
    "grey progressive": {"mode": "L", "progressive": True},
    "4:4:4": {"subsampling": 0},
    "4:2:2": {"subsampling": 1},
    "restart markers": {"restart_marker_blocks": 3},
    "quality 10": {"quality": 10},
    "quality 100": {"quality": 100, "subsampling": 0},
    "four inks": {"mode": "CMYK"},
}


def jpeg(name: str) -> bytes:
    return saved("JPEG", **JPEGS[name])


def start_of_pixels(data: bytes) -> int:
    marker = data.index(b"\xff\xda")
    return marker + 2 + int.from_bytes(data[marker + 2 : marker + 4], "big")


def reason(data: bytes) -> str:
    with pytest.raises(SampleError) as caught:
        decode_image(data)
    return str(caught.value)


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(sorted(JPEGS)), st.floats(0, 1, exclude_max=True))
def test_a_jpeg_that_is_cut_and_ended_is_damaged(name: str, share: float) -> None:
    whole = jpeg(name)
    first = start_of_pixels(whole)
    cut = whole[: first + int(share * (len(whole) - 2 - first))] + b"\xff\xd9"
    assert reason(cut).startswith("damaged: ")


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(sorted(JPEGS)), st.floats(0, 0.75), st.floats(0.2, 0.25))
def test_a_jpeg_with_a_part_of_zeros_is_damaged(name: str, share: float, part: float) -> None:
    whole = bytearray(jpeg(name))
    first = start_of_pixels(whole)
    size = int(part * (len(whole) - 2 - first))
    start = first + int(share * (len(whole) - 2 - first - size))
    whole[start : start + size] = bytes(size)
    assert reason(bytes(whole)).startswith("damaged: ")


@pytest.mark.parametrize("name", sorted(JPEGS))
def test_whole_jpegs_are_read_as_pillow_reads_them(name: str) -> None:
    expected = np.asarray(Pillow.open(io.BytesIO(jpeg(name))).convert("RGB"))
    np.testing.assert_array_equal(decode_image(jpeg(name)), expected)


@pytest.mark.parametrize("subsampling", ["444", "422", "420", "440", "411", "Gray"])
def test_whole_jpegs_of_other_encoders_are_read(subsampling: str) -> None:
    by_turbo = simplejpeg.encode_jpeg(picture() if subsampling != "Gray" else picture()[:, :, :1].copy(),
                                      colorspace="RGB" if subsampling != "Gray" else "GRAY", colorsubsampling=subsampling)  # fmt: skip
    assert decode_image(by_turbo).shape == (90, 110, 3)
    for options in ([], [cv2.IMWRITE_JPEG_PROGRESSIVE, 1], [cv2.IMWRITE_JPEG_RST_INTERVAL, 5]):
        by_opencv = cv2.imencode(".jpg", picture(), options)[1].tobytes()
        assert decode_image(by_opencv).shape == (90, 110, 3)


def test_fill_bytes_before_markers_are_no_damage() -> None:
    whole = jpeg("baseline")
    scan = whole.index(b"\xff\xda")
    filled = whole[:scan] + b"\xff\xff" + whole[scan:-2] + b"\xff\xff\xff\xd9"
    np.testing.assert_array_equal(decode_image(filled), decode_image(whole))


def test_a_progressive_jpeg_without_its_last_scans_is_damaged() -> None:
    whole = jpeg("progressive")
    last = whole.rindex(b"\xff\xda")
    assert reason(whole[:last] + b"\xff\xd9") == "damaged: the last scans are missing"


def test_bytes_too_many_before_the_end_are_damage() -> None:
    whole = jpeg("baseline")
    assert reason(whole[:-2] + b"\0\0\0\0" + whole[-2:]).startswith("damaged: ")


@pytest.mark.skipif(not CASES.exists(), reason="needs the folder `shared` with cases beside the checkout")
def test_known_damaged_files() -> None:
    folder = CASES / "damaged-jpeg-accepted"
    for name in ("half_with_end_marker", "zeroed_quarter"):
        with pytest.raises(SampleError, match="damaged: "):
            read_image(folder / "subject1" / f"{name}.jpg")
    for whole in (folder / "subject1" / "good.jpg", *(folder / "subject2").glob("*.jpg")):
        assert read_image(whole).shape == (400, 300, 3)


def test_a_png_with_a_wrong_check_sum_is_damaged() -> None:
    data = bytearray(saved("PNG"))
    data[data.index(b"IDAT") + 40] ^= 1
    assert reason(bytes(data)) == "damaged: the check sum of a chunk is wrong"


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def test_a_png_whose_rows_are_missing_is_damaged() -> None:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 30, 40, 8, 2, 0, 0, 0))
    rows = zlib.compress(bytes(39 * (1 + 3 * 30)))
    start = b"\x89PNG\r\n\x1a\n" + header
    assert reason(start + chunk(b"IDAT", rows) + chunk(b"IEND", b"")).startswith("damaged: ")
    assert reason(saved("PNG")[:-12]) == "damaged: the file is truncated"


TIFFS: dict[str, dict[str, Any]] = {
    "uncompressed": {},
    "lzw": {"compression": "tiff_lzw"},
    "lzw, predicted": {"compression": "tiff_lzw", "tiffinfo": {317: 2}},
    "deflate": {"compression": "tiff_adobe_deflate"},
    "packbits": {"compression": "packbits"},
    "jpeg": {"compression": "jpeg"},
    "grey": {"mode": "L", "compression": "tiff_lzw"},
    "palette": {"mode": "P"},
    "black and white": {"mode": "1"},
    "four inks": {"mode": "CMYK"},
    "alpha": {"mode": "RGBA", "compression": "tiff_lzw"},
}


@pytest.mark.parametrize("name", sorted(TIFFS))
def test_tiffs_are_read_as_pillow_reads_them(name: str) -> None:
    data = saved("TIFF", **TIFFS[name])
    expected = np.asarray(Pillow.open(io.BytesIO(data)).convert("RGB"))
    np.testing.assert_array_equal(decode_image(data), expected)


@pytest.mark.parametrize("compression", [1, 5, 8, 32773])
@pytest.mark.parametrize("channels", [1, 3])
def test_16_bit_tiffs_are_read_whatever_their_compression(compression: int, channels: int) -> None:
    deep = np.random.default_rng(1).integers(0, 65536, (19, 17, channels), dtype=np.uint16)
    done, data = cv2.imencode(".tif", deep, [cv2.IMWRITE_TIFF_COMPRESSION, compression])
    assert done
    expected = np.broadcast_to(np.round(deep[:, :, ::-1] / 257), (19, 17, 3))
    np.testing.assert_array_equal(decode_image(data.tobytes()), expected)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["lzw", "deflate", "packbits", "jpeg", "uncompressed"]), st.floats(0.05, 0.95))
def test_a_tiff_with_a_strip_too_short_is_damaged(name: str, share: float) -> None:
    """Its pixels end early, but the file does not: the strip's end is overwritten by what fits nothing."""
    data = bytearray(saved("TIFF", **TIFFS[name]))
    if name == "uncompressed":
        assert reason(bytes(data[: int(len(data) * share)])).startswith("damaged: ")
        return
    tags = Pillow.open(io.BytesIO(bytes(data))).tag_v2
    start, size = tags[273][0], tags[279][0]
    at = start + int(size * share)
    data[at : start + size] = b"\xff" * (start + size - at)
    assert reason(bytes(data)).startswith("damaged: ")


def test_what_a_tiff_may_hold_and_is_not_read_is_named() -> None:
    data = saved("TIFF", "1", compression="group4")
    assert reason(data) == "its TIFF compression (4) cannot be read; save it as PNG"


@pytest.mark.parametrize("kind", ["JPEG2000", "WEBP", "GIF", "BMP", "AVIF"])
def test_other_formats_that_are_cut(kind: str) -> None:
    if kind == "AVIF" and not Pillow.registered_extensions().get(".avif"):
        pytest.skip("this Pillow does not write AVIF")
    data = saved(kind)
    for share in (0.2, 0.5, 0.9):
        assert reason(data[: int(len(data) * share)]).startswith("damaged: "), share


def test_a_jpeg_2000_that_is_cut_and_ended_is_damaged() -> None:
    with io.BytesIO() as file:
        Pillow.fromarray(picture()).save(file, "JPEG2000", no_jp2=True)
        stream = file.getvalue()
    assert decode_image(stream).shape == (90, 110, 3)
    assert reason(stream[: len(stream) // 2] + b"\xff\xd9").startswith("damaged: ")


@pytest.mark.parametrize("bits", [8, 10, 12])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_few_bits_in_16_are_named(bits: int, suffix: str) -> None:
    values = np.linspace(0, 2**bits - 1, 64 * 64).round().astype(np.uint16).reshape(64, 64)
    data = cv2.imencode(suffix, values)[1].tobytes()
    assert reason(data) == (
        f"its 16-bit values are at most {2**bits - 1}, as {bits}-bit values are; multiply them by {2 ** (16 - bits)} so "
        "that they span the full range"
    )
    colour = cv2.imencode(suffix, np.dstack([values] * 3))[1].tobytes()
    assert f"as {bits}-bit values are" in reason(colour)
    scaled = cv2.imencode(suffix, values << (16 - bits))[1].tobytes()
    assert decode_image(scaled).max() >= 254


@pytest.mark.parametrize(("maximum", "depth"), [(100, 1), (255, 1), (1023, 2), (4095, 2), (65535, 2)])
def test_pnm_values_are_scaled_by_their_maximum(maximum: int, depth: int) -> None:
    values = np.linspace(0, maximum, 256).round().astype(int)
    pixels = values.astype(f">u{depth}").tobytes()
    expected = np.floor(values * 255 / maximum + 0.5)
    read = decode_image(b"P5 16 16 %d\n" % maximum + pixels)
    np.testing.assert_array_equal(read[:, :, 0].ravel(), expected)
    plain = decode_image(b"P2\n# a comment\n16 16\n%d\n" % maximum + b" ".join(b"%d" % value for value in values))
    np.testing.assert_array_equal(plain, read)
    assert reason(b"P2 16 16 %d\n" % maximum + b"1 " * 255) == "damaged: the file is truncated"


def test_no_library_prints(capfd: pytest.CaptureFixture[str]) -> None:
    """Every format, cut and with bytes of the pixels changed: what is wrong is in the reason, not on the terminal."""
    rng = np.random.default_rng(0)
    deep = cv2.imencode(".png", (picture().astype(np.uint16) * 257))[1].tobytes()
    wholes = [jpeg(name) for name in JPEGS] + [saved("TIFF", **options) for options in TIFFS.values()]
    wholes += [saved(kind) for kind in ("PNG", "WEBP", "GIF", "BMP", "JPEG2000")] + [deep]
    for whole in wholes:
        for _ in range(8):
            broken = bytearray(whole)
            broken[int(rng.integers(len(whole) // 3, len(whole)))] ^= int(rng.integers(1, 256))
            for data in (bytes(broken), bytes(broken[: int(rng.integers(len(whole)))])):
                try:
                    decode_image(data)
                except SampleError:
                    continue
    assert capfd.readouterr() == ("", "")
