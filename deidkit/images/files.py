"""Reading of a picture's file as bytes."""

from __future__ import annotations

from pathlib import Path

from deidkit.errors import SampleError
from deidkit.images.layouts.record import MAX_METADATA_BYTES

MAX_PIXELS = 80_000_000
"""Default limit of a picture's size; larger claims are treated as decompression bombs."""

_BYTES_PER_PIXEL = 4
"""Largest plausible file size per pixel: uncompressed 8-bit RGBA."""


def file_bytes(path: Path, max_pixels: int = MAX_PIXELS) -> bytes:
    """The content of a picture's file.

    Raises:
        SampleError: It is not a file, cannot be read, or is larger than any picture of `max_pixels`.
    """
    try:
        if not path.is_file():
            raise SampleError("not a file" if path.exists() else "the file is missing")
        if path.stat().st_size > max_pixels * _BYTES_PER_PIXEL + MAX_METADATA_BYTES:
            raise SampleError(f"the file is larger than a picture of {max_pixels} pixels can be")
        return path.read_bytes()
    except OSError as error:
        raise SampleError(f"the file cannot be read ({(error.strerror or 'unknown reason').lower()})") from error
