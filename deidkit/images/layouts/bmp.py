"""BMP files: headers, palette, and unused bits."""

from __future__ import annotations

import struct

import numpy as np

from deidkit.errors import SampleError
from deidkit.images.layouts.record import FileFinding, Layout, cut_off, damaged

_AFTER = "bytes after the picture's end"
_PLAIN, _BIT_FIELDS = 0, 3
_MASKS = {16: (0x7C00, 0x03E0, 0x001F), 32: (0xFF0000, 0xFF00, 0xFF)}
"""Default bit masks of red, green and blue."""


def read_bmp(data: bytes) -> Layout:
    """The layout of a BMP file (BITMAPFILEHEADER and what follows)."""
    if len(data) < 26:
        raise cut_off()
    offset, header = struct.unpack_from("<II", data, 10)
    if header < 12 or 14 + header > len(data):
        raise cut_off()
    if header == 12:
        width, height, bits = *struct.unpack_from("<HH", data, 18), struct.unpack_from("<H", data, 24)[0]
        compression, colours, entry = 0, 0, 3
    else:
        width, height, _, bits, compression = (
            struct.unpack_from("<iiHHI", data, 18) if header >= 40 else (0, 0, 0, 0, 0)
        )
        colours, entry = (struct.unpack_from("<I", data, 46)[0] if header >= 40 else 0), 4
    height = abs(height)
    if width <= 0 or height <= 0 or bits not in (1, 2, 4, 8, 16, 24, 32):
        raise damaged("its header is wrong")
    if compression not in (_PLAIN, _BIT_FIELDS):
        raise SampleError(f"BMP compression {compression} cannot be read; save it as PNG")
    masks = 12 if compression == _BIT_FIELDS and header == 40 else 0
    palette = entry * min(colours or 1 << bits, 1 << bits) if bits <= 8 else 0
    reached = 14 + header + masks + palette
    findings = []
    if offset > reached:
        findings.append(
            FileFinding("bytes between the parts of the file", "before the pixels", offset - reached, reached)
        )
    row = -(-width * bits // 32) * 4
    end = offset + row * height
    if end > len(data):
        raise cut_off()
    if end < len(data):
        findings.append(FileFinding(_AFTER, "after the pixels", len(data) - end, end))
    if header >= 124 and (profile := struct.unpack_from("<I", data, 14 + 116)[0]):
        findings.append(FileFinding("colour profile", "header", profile))
    padding = row - -(-width * bits // 8)
    if padding and any(any(data[at - padding : at]) for at in range(offset + row, end + 1, row)):
        findings.append(FileFinding("bytes between the rows", "row padding", padding * height))
    if bits in _MASKS and (unused := _unused_bits(data, bits, compression, slice(offset, end))):
        findings.append(FileFinding("further channels", f"{unused} bits of each pixel", width * height * bits // 8))
    if data[6:10] != b"\0\0\0\0":
        findings.append(FileFinding("application data (reserved bytes)", "header", 4, 6))
    channels = 4 if bits == 32 else 3 if bits > 8 else 1
    return Layout(
        format="BMP",
        width=width,
        height=height,
        channels=channels,
        paletted=bits <= 8,
        findings=tuple(findings),
        essential=data[:end],
    )


def _unused_bits(data: bytes, bits: int, compression: int, pixels: slice) -> int:
    """Number of bits per pixel that no colour uses and that are not constant."""
    masks = _MASKS[bits] if compression == _PLAIN else struct.unpack_from("<3I", data, 54)
    unused = ((1 << bits) - 1) & ~(masks[0] | masks[1] | masks[2])
    kind = np.dtype(f"<u{bits // 8}")
    values = np.frombuffer(data[pixels], kind)
    first = values[0] & kind.type(unused)
    parts = (values[at : at + (1 << 20)] for at in range(0, values.size, 1 << 20))
    changed = any((part & kind.type(unused) != first).any() for part in parts)
    return unused.bit_count() if changed else 0
