"""Reads a picture as an upright RGB array."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from deidkit.errors import SampleError
from deidkit.images.opening import MAX_PIXELS, damage, file_bytes, open_file, open_picture, orientation
from deidkit.protocols import Image

PICTURE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".gif", ".tif", ".tiff", ".webp"}
    | {".ppm", ".pgm", ".pnm", ".jp2", ".avif", ".heic", ".heif"}
)
"""Names that promise a picture, in lower case; whether the content keeps the promise is for `read_image` to say."""

_END_OF_JPEG = b"\xff\xd9"


def read_image(path: Path | str, *, max_pixels: int = MAX_PIXELS) -> Image:
    """Read a picture.

    Content decides what a file is, not its name. EXIF orientation is applied. 16 bits become 8 by the full range
    (65535 becomes 255), whatever the brightest pixel is. Grey, palette and CMYK become RGB. What is transparent is
    shown over white, as a page shows it. Colour profiles are not applied.

    Args:
        path: The file.
        max_pixels: Width times height that is still accepted; at most twice what Pillow warns about (179 million).

    Returns:
        (height, width, 3) uint8 RGB.

    Raises:
        SampleError: The file is missing, empty, truncated, damaged, too large, holds several pictures or none. The
            message does not name the file.
    """
    return decode_image(file_bytes(Path(path), max_pixels), max_pixels=max_pixels)


def decode_image(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Image:
    """Decode a picture from the bytes of its file; as `read_image`."""
    picture = open_picture(io.BytesIO(data), max_pixels)
    try:
        return _pixels(picture, data)
    except SampleError:
        raise
    except Exception as error:  # a decoder may raise anything on damaged bytes
        raise SampleError(damage(error)) from error


def image_size(path: Path | str, *, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Width and height of the upright picture, from the file's header.

    Raises:
        SampleError: As `read_image`, for what the header shows.
    """
    with open_file(Path(path), max_pixels) as file:
        picture = open_picture(file, max_pixels)
        turned = "exif" in picture.info and picture.format != "TIFF" and orientation(picture) >= 5
        return (picture.height, picture.width) if turned else (picture.width, picture.height)


def upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Turn stored pixels as the EXIF orientation (1..8) says."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _pixels(picture: Pillow.Image, data: bytes) -> Image:
    if picture.format in ("JPEG", "MPO") and picture.mode in ("L", "RGB") and data.endswith(_END_OF_JPEG):
        # Same pixels as Pillow's, a third faster. A file without its end goes to Pillow, which tells it is truncated.
        flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
        if decoded is not None:
            return upright(np.asarray(decoded, np.uint8), orientation(picture))
    if _is_deep_colour(picture, data):
        pixels = _deep_colour(data)
    else:
        picture.load()
        pixels = _shallow(picture)
    # Both decoders turn a TIFF themselves.
    return pixels if picture.format == "TIFF" else upright(pixels, orientation(picture))


def _shallow(picture: Pillow.Image) -> Image:
    if picture.mode.startswith("I;16") or (picture.mode == "I" and picture.format == "PPM"):
        grey = _eight_bits(np.asarray(picture).astype(np.uint16))
        return np.repeat(grey[:, :, None], 3, axis=2)
    if picture.mode in ("I", "F", "LAB"):
        raise SampleError(f"its pixels are of the kind {picture.mode}, which has no fixed range to show as RGB")
    if picture.has_transparency_data:
        colours = picture.convert("RGBA")
        picture = Pillow.alpha_composite(Pillow.new("RGBA", colours.size, "white"), colours)
    return np.array(picture.convert("RGB"))


def _is_deep_colour(picture: Pillow.Image, data: bytes) -> bool:
    """Whether Pillow would cut 16-bit colours to their high byte."""
    if picture.format == "PNG":
        return data[24] == 16 and not picture.mode.startswith("I")
    bits = getattr(picture, "tag_v2", {}).get(258, ())
    return picture.format == "TIFF" and 16 in bits and not picture.mode.startswith("I")


def _deep_colour(data: bytes) -> Image:
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.dtype != np.uint16:
        raise SampleError("its 16-bit pixels cannot be decoded")
    pixels = np.asarray(decoded)
    if pixels.ndim == 2:
        return np.repeat(_eight_bits(pixels)[:, :, None], 3, axis=2)
    if pixels.shape[2] == 4:
        opacity = pixels[:, :, 3:].astype(np.float64) / 65535
        pixels = np.round(pixels[:, :, :3] * opacity + 65535 * (1 - opacity)).astype(np.uint16)
    return _eight_bits(np.ascontiguousarray(pixels[:, :, ::-1]))


def _eight_bits(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    return np.asarray((pixels.astype(np.uint32) + 128) // 257, np.uint8)
