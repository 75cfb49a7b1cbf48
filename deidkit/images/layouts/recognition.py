"""Recognition of a file's format, and limits of its decoding cost."""

from __future__ import annotations

import struct
from collections.abc import Callable

from deidkit.errors import SampleError
from deidkit.images.layouts.bmp import read_bmp
from deidkit.images.layouts.heif import read_avif, read_heic
from deidkit.images.layouts.jpeg import read_jpeg
from deidkit.images.layouts.jpeg2000 import read_jpeg2000
from deidkit.images.layouts.png import read_png
from deidkit.images.layouts.record import Format, Layout, cut_off, damaged, over_budget
from deidkit.images.layouts.simple import read_gif, read_pnm
from deidkit.images.layouts.tiff import read_tiff
from deidkit.images.layouts.webp import read_webp

MAX_DECODED_BYTES = 320_000_000
"""Limit of the stored pixels: 80 million of 32 bits."""

MAX_DEEP_BYTES = 160_000_000
"""Limit for more than 8 bits per channel, which cost more per byte: 26 million of 16-bit RGB, 20 million of RGBA."""

_MAX_PIXELS: dict[Format, int] = {"JPEG2000": 12_000_000, "AVIF": 40_000_000, "HEIC": 40_000_000, "WEBP": 40_000_000}
"""Lower limits of pixels, for formats with slower or larger decoders."""

_READERS: tuple[tuple[tuple[bytes, ...], Callable[[bytes], Layout]], ...] = (
    ((b"\xff\xd8",), read_jpeg),
    ((b"\x89PNG\r\n\x1a\n",), read_png),
    ((b"BM",), read_bmp),
    ((b"GIF87a", b"GIF89a"), read_gif),
    ((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), read_tiff),
    ((b"RIFF",), read_webp),
    (tuple(b"P%d" % kind for kind in range(1, 7)), read_pnm),
    ((b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"), read_jpeg2000),
)
_HEIF = (b"heic", b"heix", b"heif", b"heim", b"heis", b"mif1", b"msf1", b"hevc")
_NO_PICTURE = "the file is not a picture in a format that can be read"


def layout_of(data: bytes, max_pixels: int) -> Layout:
    """Parse the structure of a picture's file, whose format is determined by its content, not by its name.

    Raises:
        SampleError: It is empty, no picture, damaged, over a limit, or holds several pictures.
    """
    if not data:
        raise SampleError("the file is empty")
    try:
        read = reader_of(data)
        if read is None:
            raise SampleError(_NO_PICTURE)
        layout = read(data)
    except (struct.error, IndexError, OverflowError, MemoryError):
        raise cut_off() from None
    pixels = layout.width * layout.height
    if pixels < 1:
        raise damaged("it has no size")
    if pixels > max_pixels:
        raise SampleError(f"the picture has more than {max_pixels} pixels ({layout.width} x {layout.height})")
    if layout.pages > 1:
        raise SampleError(
            f"the file holds {layout.pages} pictures (animated or of several pages); export the one to be used"
        )
    if pixels > _MAX_PIXELS.get(layout.format, pixels):
        raise over_budget(f"a {layout.format} of more than {_MAX_PIXELS[layout.format]} pixels")
    allowed = MAX_DEEP_BYTES if layout.bits > 8 else MAX_DECODED_BYTES
    if pixels * layout.channels * max(layout.bits, 8) // 8 > allowed:
        raise over_budget(f"more than {allowed // 1_000_000} MB of decoded pixels of {layout.bits} bits a channel")
    return layout


def reader_of(data: bytes) -> Callable[[bytes], Layout] | None:
    """Parser for a file that starts with these bytes; None if it is not a picture."""
    for signatures, read in _READERS:
        if data.startswith(signatures) and (read is not read_webp or data[8:12] in (b"WEBP", b"")):
            return read
    if data[4:8] == b"ftyp":
        if data[8:12] in (b"avif", b"avis"):
            return read_avif
        if data[8:12] in _HEIF:
            return read_heic
    return None
