"""Reads a picture as an upright RGB array."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deidkit.images.decoding import decode
from deidkit.images.files import MAX_PIXELS, file_bytes
from deidkit.images.layouts import layout_of, reader_of
from deidkit.protocols import Image

PICTURE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".gif", ".tif", ".tiff", ".webp"}
    | {".ppm", ".pgm", ".pnm", ".pbm", ".jp2", ".j2k", ".avif", ".heic", ".heif"}
)
"""File-name suffixes of pictures, in lower case; `read_image` checks the content."""


def read_image(path: Path | str, *, max_pixels: int = MAX_PIXELS) -> Image:
    """Read a picture.

    Content decides what a file is, not its name. EXIF orientation is applied. 16 bits become 8 by the full range
    (65535 becomes 255), whatever the brightest pixel is; 16-bit files whose values need 12 bits or fewer are refused.
    PNM values are scaled by the maximum that their header states, those of a TIFF by its MaxSampleValue. Grey, palette
    and CMYK become RGB. What is transparent is shown over white, as a page shows it. Colour profiles are not applied.

    A file for which any decoder warns is damaged: its visible picture is not what was captured. Damage after which the
    file still decodes without a warning is not detected, such as a changed bit in the coded pixels of a JPEG, WebP,
    JPEG 2000, AVIF, HEIC, BMP or uncompressed TIFF, which have no checksums. HEIC needs pillow-heif.

    Args:
        path: The file.
        max_pixels: Largest accepted width times height, at most `MAX_PIXELS`.

    Returns:
        (height, width, 3) uint8 RGB.

    Raises:
        SampleError: The file is missing, empty, no picture, damaged ("damaged: ..."), holds several pictures, or would
            cost more than 5 seconds or 1 GB ("over the limit for one picture: ..."). The message does not name
            the file.
    """
    return decode_image(file_bytes(Path(path), max_pixels), max_pixels=max_pixels)


def decode_image(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Image:
    """Decode a picture from the bytes of its file; as `read_image`."""
    layout = layout_of(data, max_pixels)
    pixels = decode(layout)
    # libheif applies the orientation itself.
    return pixels if layout.format in ("AVIF", "HEIC") else upright(pixels, layout.orientation)


def image_size(path: Path | str, *, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Width and height of the upright picture, without decoding it.

    Raises:
        SampleError: As `read_image`, for what the file's structure shows.
    """
    layout = layout_of(file_bytes(Path(path), max_pixels), max_pixels)
    return (layout.height, layout.width) if layout.orientation >= 5 else (layout.width, layout.height)


def is_picture(path: Path) -> bool:
    """Whether a file starts like a picture in a readable format, whatever its name."""
    try:
        if not path.is_file():  # reading a pipe would block
            return False
        with path.open("rb") as file:
            return reader_of(file.read(16)) is not None
    except OSError:
        return False


def upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Apply the EXIF orientation (1..8) to stored pixels."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
