"""Decoding of a file's pixels to 8-bit RGB, by strips, so that at most two copies are in memory."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image as Pillow

from deidkit.errors import SampleError
from deidkit.images.layouts import Layout
from deidkit.images.layouts.png import trailing_bytes
from deidkit.images.layouts.record import cut_off, damaged
from deidkit.images.stored import StoredPixels, multiplied, row_ranges, shown
from deidkit.images.tiff import tiff_pixels
from deidkit.images.trailing_data import check_gif, check_webp
from deidkit.protocols import Image


def decode(layout: Layout) -> Image:
    """The pixels as stored, before they are turned upright.

    Raises:
        SampleError: A decoder warns, or the type of pixels has no fixed range.
    """
    try:
        if layout.format == "JPEG":
            return _jpeg(layout)
        stored = stored_pixels(layout)
        return _by_pillow(layout) if stored is None else shown(stored)
    except SampleError:
        raise
    except Exception as error:  # a decoder may raise anything on damaged bytes
        raise _damage(error) from error


def with_alpha(layout: Layout) -> Iterator[NDArray[np.uint8]]:
    """Yield strips of (rows, width, 4) uint8 RGBA from the top, for 8-bit pixels; nothing without transparency.

    Raises:
        SampleError: As `decode`.
    """
    try:
        if layout.format == "TIFF":
            stored = tiff_pixels(layout.essential) if layout.channels in (2, 4) else None
            if stored is not None and stored.alpha is not None:
                for rows in row_ranges(layout.height, layout.width):
                    plane = stored.alpha[rows, :, None]
                    colours = np.broadcast_to(stored.colours[rows, :, :3], (*plane.shape[:2], 3))
                    yield np.dstack([colours, plane]).astype(np.uint8)
            return
        picture = _open(layout)
        if picture.has_transparency_data:
            picture.load()
            for _, strip in _strips(picture):
                yield np.asarray(strip.convert("RGBA"))
    except SampleError:
        raise
    except Exception as error:
        raise _damage(error) from error


def stored_pixels(layout: Layout) -> StoredPixels | None:
    """Decode formats for which Pillow is not used, because it truncates 16 bits or hides damage; None for others.

    Raises:
        SampleError: They are damaged, or of a kind that cannot be read.
    """
    if layout.format == "TIFF":
        return tiff_pixels(layout.essential)
    if layout.format == "PPM":
        return _pnm(layout)
    if layout.format == "PNG" and layout.bits == 16:
        trailing_bytes(layout.essential)  # checked before libpng, which prints complaints
        return _deep(layout)
    if layout.format == "JPEG2000" and layout.bits > 8:
        return _deep(layout)
    return None


def opened(layout: Layout) -> Pillow.Image:
    """The picture as Pillow decodes it; raises SampleError as `decode`."""
    try:
        picture = _open(layout)
        picture.load()
    except Exception as error:
        raise _damage(error) from error
    return picture


def inks(layout: Layout) -> NDArray[np.uint8]:
    """(height, width, 4) uint8 ink values of a CMYK JPEG, as stored; raises SampleError as `decode`."""
    try:
        return np.asarray(simplejpeg.decode_jpeg(layout.essential, "CMYK", strict=True), np.uint8)
    except Exception as error:
        raise _damage(error) from error


def _deep(layout: Layout) -> StoredPixels:
    """Decode more than 8 bits per channel, which Pillow truncates."""
    decoded = cv2.imdecode(np.frombuffer(layout.essential, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.dtype != np.uint16:
        raise damaged(f"its {layout.bits}-bit pixels cannot be decoded")
    values = np.asarray(decoded, np.uint16).reshape(*decoded.shape[:2], -1)
    colours = values[:, :, 2::-1] if values.shape[2] >= 3 else values[:, :, :1]  # OpenCV's order is BGR
    alpha = values[:, :, 3] if values.shape[2] == 4 else None
    return StoredPixels(colours, alpha, largest=(1 << layout.bits) - 1)


def _jpeg(layout: Layout) -> Image:
    from deidkit.images.huffman import is_plausible  # compiled when it is needed

    of_inks = layout.channels == 4
    stored = np.asarray(simplejpeg.decode_jpeg(layout.essential, "CMYK" if of_inks else "RGB", strict=True), np.uint8)
    if not is_plausible(layout.essential):
        raise damaged("its coded pixels are wrong")
    return _from_inverted_cmyk(stored) if of_inks else stored


def _from_inverted_cmyk(stored: NDArray[np.uint8]) -> Image:
    """Convert CMYK in Adobe's inverted convention: colour times black, rounded like Pillow."""
    pixels = np.empty((*stored.shape[:2], 3), np.uint8)
    for rows in row_ranges(*stored.shape[:2]):
        pixels[rows] = multiplied(stored[rows, :, :3].astype(np.uint16), stored[rows, :, 3:].astype(np.uint16), 255)
    return pixels


def _pnm(layout: Layout) -> StoredPixels:
    start = layout.essential.index(b"\n") + 1
    kind, *numbers = layout.essential[:start].split()
    maximum = int(numbers[2]) if len(numbers) > 2 else 1
    shape = (layout.height, layout.width, layout.channels)
    values: NDArray[Any]
    if kind == b"P4":
        packed = np.frombuffer(layout.essential, np.uint8, offset=start).reshape(layout.height, -1)
        values = (1 - np.unpackbits(packed, axis=1)[:, : layout.width]).reshape(shape)
    elif kind in (b"P5", b"P6"):
        depth = ">u2" if maximum > 255 else "u1"
        values = np.frombuffer(layout.essential, depth, math.prod(shape), start).reshape(shape)
    else:
        values = _plain(layout.essential[start:], kind == b"P1", math.prod(shape)).reshape(shape)
    if int(values.max()) > maximum or int(values.min()) < 0:
        raise damaged("a value is larger than the header allows")
    return StoredPixels(values, largest=maximum)


def _plain(body: bytes, bitmap: bool, count: int) -> NDArray[np.int64]:
    words = b" ".join(line.partition(b"#")[0] for line in body.splitlines())
    if bitmap:
        words = b" ".join(bytes([digit]) for digit in words if not chr(digit).isspace())
    try:
        values = np.array(words.split()[:count], np.int64)
    except (ValueError, OverflowError):
        raise damaged("a value is not a number") from None
    if len(values) < count:
        raise cut_off()
    return 1 - values if bitmap else values


def _by_pillow(layout: Layout) -> Image:
    if layout.format == "PNG":
        trailing_bytes(layout.essential)  # Pillow silently fills missing rows with black
    elif layout.format == "WEBP":
        check_webp(layout.essential)
    elif layout.format == "GIF":
        check_gif(layout.essential)
    picture = _open(layout)
    if picture.mode in ("I", "F", "LAB"):
        raise SampleError(f"its pixels are of the kind {picture.mode}, which has no fixed range to show as RGB")
    picture.load()
    if picture.has_transparency_data:
        return _filled(picture, _over_white)
    return _filled(picture, lambda strip: np.asarray(strip.convert("RGB")))


def _open(layout: Layout) -> Pillow.Image:
    if layout.format == "HEIC":
        _learn_heic()
        return Pillow.open(io.BytesIO(layout.essential), formats=("HEIF",))
    return Pillow.open(io.BytesIO(layout.essential), formats=(layout.format,))


def _learn_heic() -> None:
    try:
        import pillow_heif
    except ImportError:
        raise SampleError(
            "the picture is HEIC, which needs a further library: pip install 'pillow-heif>=1'; or convert it to JPEG "
            "or PNG"
        ) from None
    pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)


def _filled(picture: Pillow.Image, convert: Callable[[Pillow.Image], NDArray[np.uint8]]) -> Image:
    pixels = np.empty((picture.height, picture.width, 3), np.uint8)
    for top, strip in _strips(picture):
        pixels[top : top + strip.height] = convert(strip)
    return pixels


def _over_white(strip: Pillow.Image) -> NDArray[np.uint8]:
    colours = strip.convert("RGBA")
    shown = Pillow.new("RGB", colours.size, "white")
    shown.paste(colours.convert("RGB"), mask=colours.getchannel("A"))
    return np.asarray(shown)


def _strips(picture: Pillow.Image) -> Iterator[tuple[int, Pillow.Image]]:
    for rows in row_ranges(picture.height, picture.width):
        yield rows.start, picture.crop((0, rows.start, picture.width, rows.stop))


def _damage(error: Exception) -> SampleError:
    words = str(error).lower()
    return cut_off() if "truncated" in words or "premature end" in words else damaged("its pixels cannot be decoded")
