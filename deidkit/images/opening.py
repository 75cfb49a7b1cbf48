"""Opens a picture's header: finds out what a file really is before a pixel is decoded."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from deidkit.errors import SampleError

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF")
"""What is read. Named one by one, so that no file can reach a decoder that runs programs (EPS) or loads scripts."""

MAX_PIXELS = 80_000_000
"""Default limit of a picture's size; a file that claims more is taken for a decompression bomb."""

BYTES_PER_PIXEL = 8
"""Of the largest uncompressed picture that is read: 16-bit RGBA."""

HEADER_BYTES = 16 * 1024 * 1024
"""Room for metadata beside the pixels of a file."""

_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG", b"BM", b"GIF8", b"II*\0", b"MM\0*", b"RIFF", b"\0\0\0\x0cjP  ")


def open_file(path: Path, max_pixels: int) -> BinaryIO:
    """Open a picture's file.

    Raises:
        SampleError: It is no file, cannot be read, or is larger than any picture of `max_pixels`.
    """
    try:
        if not path.is_file():
            raise SampleError("not a file" if path.exists() else "the file is missing")
        if path.stat().st_size > max_pixels * BYTES_PER_PIXEL + HEADER_BYTES:
            raise SampleError(f"the file is larger than a picture of {max_pixels} pixels can be")
        return path.open("rb")
    except OSError as error:
        raise SampleError(f"the file cannot be read ({(error.strerror or 'unknown reason').lower()})") from error


def file_bytes(path: Path, max_pixels: int) -> bytes:
    """The content of a picture's file; raises as `open_file`."""
    with open_file(path, max_pixels) as file:
        try:
            return file.read()
        except OSError as error:
            raise SampleError(f"the file cannot be read ({(error.strerror or 'unknown reason').lower()})") from error


def open_picture(stream: BinaryIO, max_pixels: int) -> Pillow.Image:
    """Open a picture without decoding it; its content, not its name, says what it is.

    Args:
        stream: The file's bytes, at their start.
        max_pixels: Width times height that is still accepted.

    Raises:
        SampleError: It is empty, no picture, damaged at its start, too large, or holds several pictures.
    """
    start = stream.read(16)
    stream.seek(0)
    if not start:
        raise SampleError("the file is empty")
    try:
        picture = Pillow.open(stream, formats=FORMATS)
        count = 1 if picture.format == "MPO" else int(getattr(picture, "n_frames", 1))
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning):
        raise SampleError(f"the picture has more than {max_pixels} pixels") from None
    except UnidentifiedImageError:
        raise SampleError(_unidentified(start)) from None
    except Exception as error:  # a decoder may raise anything on bytes that were never meant for it
        raise SampleError(damage(error)) from error
    if picture.width * picture.height > max_pixels:
        raise SampleError(f"the picture has more than {max_pixels} pixels ({picture.width} x {picture.height})")
    if count > 1:
        raise SampleError(f"the file holds {count} pictures (animated or of several pages); export the one meant")
    return picture


def damage(error: Exception) -> str:
    """What a decoder's exception means to the user."""
    return "the file is truncated" if "truncated" in str(error).lower() else "the file is damaged"


def orientation(picture: Pillow.Image) -> int:
    """The EXIF orientation, 1..8 (JEITA CP-3451, tag 274); 1 where there is none or it cannot be understood."""
    try:
        value = picture.getexif().get(274, 1)
    except Exception:  # broken metadata does not spoil good pixels
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _unidentified(start: bytes) -> str:
    if start[4:8] == b"ftyp" and start[8:12] in (b"heic", b"heix", b"heif", b"mif1", b"msf1", b"hevc"):
        return "the picture is HEIC, which cannot be read; convert it to JPEG or PNG"
    if start.startswith(_SIGNATURES):
        return "the file is damaged"
    return "the file is not a picture in a format that can be read"
