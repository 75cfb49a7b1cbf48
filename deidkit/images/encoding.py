"""Fingerprint of a file's encoding: an encoder's choices, which could be made per person."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from deidkit.images.files import MAX_PIXELS
from deidkit.images.layouts import Layout, layout_of
from deidkit.images.layouts.png import chunks

_SCAN, _RESTARTS, _QUANTIZATION, _HUFFMAN, _DENSITY = 0xDA, 0xDD, 0xDB, 0xC4, 0xE0
_FRAMES = range(0xC0, 0xD0)
_USUAL_TABLES = (12, 162)
"""Symbols of the Huffman tables of ITU-T T.81, annex K; tables optimized for one picture have fewer."""

_SMALL = 64
"""Largest size in bytes of a PNG chunk that describes the picture."""


def file_encoding(data: bytes) -> str:
    """Hash of the properties that files of one encoder with one setting share, independent of their content.

    The format, channels and bits; for JPEG the quantization tables, subsampling, restarts, scans, density and whether
    Huffman tables are the standard ones; for PNG the small chunks, compression and whether its parts are equal.

    Returns:
        16 hexadecimal digits.

    Raises:
        SampleError: The file cannot be read as a picture.
    """
    layout = layout_of(data, MAX_PIXELS)
    parts: list[bytes] = [f"{layout.format} {layout.channels} {layout.bits} {layout.paletted}".encode()]
    if layout.format == "JPEG":
        parts += _of_jpeg(data, layout)
    elif layout.format == "PNG":
        parts += _of_png(data)
    return hashlib.sha256(b"|".join(parts)).hexdigest()[:16]


def _of_jpeg(data: bytes, layout: Layout) -> Iterator[bytes]:
    position = 2
    while True:
        while data[position + 1] == 0xFF:  # fill bytes
            position += 1
        marker, size = data[position + 1], int.from_bytes(data[position + 2 : position + 4], "big")
        content = data[position + 4 : position + 2 + size]
        if marker == _SCAN:
            break
        if marker == _HUFFMAN:
            yield b"usual tables" if sum(content[1:17]) in _USUAL_TABLES else b"own tables"
        elif marker in _FRAMES:
            yield bytes([marker]) + content[5:]  # without height and width
        elif marker in (_QUANTIZATION, _RESTARTS, _DENSITY):
            yield bytes([marker]) + content
        position += 2 + size
    yield str(layout.essential.count(bytes([0xFF, _SCAN]))).encode()


def _of_png(data: bytes) -> Iterator[bytes]:
    parts: list[int] = []
    for kind, start, stop in chunks(data):
        content = data[start:stop]
        if kind == b"IDAT":
            parts.append(len(content))
            if len(parts) == 1:
                yield content[:2]  # window and level of the compression
        elif kind == b"IHDR":
            yield content[8:]
        elif kind != b"PLTE" and len(content) <= _SMALL:
            yield kind + content
    yield b"even parts" if len(set(parts[:-1])) < 2 else b"uneven parts"
