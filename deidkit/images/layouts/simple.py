"""BMP, GIF, WebP and PNM files, whose structure fits on a page each."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

import numpy as np

from deidkit.images.layouts.exif import read_exif
from deidkit.images.layouts.record import (
    MAX_METADATA_BYTES,
    FileFinding,
    Layout,
    check_parts,
    cut_off,
    damaged,
    over_budget,
)

_AFTER = "bytes after the picture's end"
_MAX_HEADER = 64 * 1024
_PNM_HEADER = re.compile(rb"P([1-6])((?:\s|#[^\n\r]*[\n\r])+)(\d{1,9})((?:\s|#[^\n\r]*[\n\r])+)(\d{1,9})")
_PNM_MAXIMUM = re.compile(rb"((?:\s|#[^\n\r]*[\n\r])+)(\d{1,9})")


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
    masks = 12 if compression == 3 and header == 40 else 0
    palette = entry * (colours or (1 << bits if bits <= 8 else 0)) if bits <= 8 else 0
    reached = 14 + header + masks + palette
    findings = []
    if offset > reached:
        findings.append(
            FileFinding("bytes between the parts of the file", "before the pixels", offset - reached, reached)
        )
    row = -(-width * bits // 32) * 4
    end = (
        offset + row * height
        if compression in (0, 3)
        else offset + (struct.unpack_from("<I", data, 34)[0] or len(data) - offset)
    )
    if end > len(data):
        raise cut_off()
    if end < len(data):
        findings.append(FileFinding(_AFTER, "after the pixels", len(data) - end, end))
    if header >= 124 and (profile := struct.unpack_from("<I", data, 14 + 116)[0]):
        findings.append(FileFinding("colour profile", "header", profile))
    padding = row - -(-width * bits // 8)
    if (
        padding
        and compression in (0, 3)
        and any(any(data[at - padding : at]) for at in range(offset + row, end + 1, row))
    ):
        findings.append(FileFinding("bytes between the rows", "row padding", padding * height))
    if bits == 32 and compression == 0:
        unused = np.frombuffer(data, np.uint8, width * height * 4, offset)[3::4]
        if unused.min() != unused.max():
            findings.append(FileFinding("further channels", "fourth byte of each pixel", unused.size))
    if data[6:10] != b"\0\0\0\0":
        findings.append(FileFinding("application data (reserved bytes)", "header", 4, 6))
    channels = 4 if bits == 32 else 3 if bits > 8 else 1
    return Layout(
        format="BMP", width=width, height=height, channels=channels, findings=tuple(findings), essential=data[:end]
    )


def read_gif(data: bytes) -> Layout:
    """The layout of a GIF file (GIF89a)."""
    if len(data) < 14:
        raise cut_off()
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    position = 13 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
    findings: list[FileFinding] = []
    pages, count, needed = 0, 0, [data[:position]]
    while True:
        count += 1
        check_parts(count, "blocks")
        if position >= len(data):
            raise cut_off()
        start, kind = position, data[position]
        if kind == 0x3B:
            needed.append(b";")
            break
        if kind == 0x2C:
            pages += 1
            if position + 10 > len(data):
                raise cut_off()
            packed = data[position + 9]
            position = _end_of_blocks(data, position + 11 + (3 << ((packed & 7) + 1) if packed & 0x80 else 0))
            needed.append(data[start:position])
        elif kind == 0x21:
            label = data[position + 1 : position + 2]
            position = _end_of_blocks(data, position + 2)
            if label == b"\xf9":
                needed.append(data[start:position])
            else:
                name = "comment" if label in (b"\xfe", b"\x01") else "application data (extension)"
                findings.append(FileFinding(name, "extension", position - start, start))
        else:
            raise damaged("a block is of no known kind")
    if not pages:
        raise damaged("it has no picture")
    if position + 1 < len(data):
        findings.append(FileFinding(_AFTER, "after the trailer", len(data) - position - 1, position + 1))
    return Layout(
        format="GIF",
        width=width,
        height=height,
        channels=1,
        pages=pages,
        findings=tuple(findings),
        essential=b"".join(needed),
    )


def _end_of_blocks(data: bytes, position: int) -> int:
    while position < len(data) and data[position]:
        position += 1 + data[position]
    if position >= len(data):
        raise cut_off()
    return position + 1


def read_webp(data: bytes) -> Layout:
    """The layout of a WebP file (RFC 9649)."""
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise cut_off()
    findings: list[FileFinding] = []
    width = height = pages = 0
    orientation, channels, needed, metadata = 1, 3, bytearray(), 0
    for kind, start, stop in _riff(data, end):
        content = data[start:stop]
        chunk = data[start - 8 : stop + (stop - start) % 2]
        if kind == b"VP8X" and len(content) >= 10:
            width, height = (1 + int.from_bytes(content[at : at + 3], "little") for at in (4, 7))
            channels = 4 if content[0] & 0x10 else 3
            needed += chunk[:8] + bytes([content[0] & 0x10]) + content[1:]
        elif kind in (b"VP8 ", b"VP8L"):
            pages += 1
            if not width:
                width, height = _webp_size(kind, content)
            if kind == b"VP8L" and len(content) >= 5 and content[4] & 0x10:
                channels = 4
            needed += chunk
        elif kind == b"ALPH":
            channels = 4
            needed += chunk
        elif kind == b"ANMF":
            pages += 1
        elif kind == b"EXIF":
            skip = 6 if content.startswith(b"Exif\0\0") else 0
            exif = read_exif(data, start + skip, len(content) - skip, "EXIF chunk")
            orientation = exif.orientation
            findings += exif.findings
            metadata += len(content)
        elif kind != b"ANIM":
            names = {b"XMP ": "XMP", b"ICCP": "colour profile"}
            findings.append(FileFinding(names.get(kind, "application data (chunk)"), "RIFF chunk", len(content), start))
            if kind == b"XMP " and (b"xmpGImg:" in content or b"xmp:Thumbnails" in content):
                findings.append(FileFinding("XMP thumbnail", "RIFF chunk", len(content), start))
            metadata += len(content)
        if metadata > MAX_METADATA_BYTES:
            raise over_budget(f"more than {MAX_METADATA_BYTES >> 20} MB beside the pixels")
    if not pages or not width or not height:
        raise damaged("it has no picture")
    if end + end % 2 < len(data):
        findings.append(FileFinding(_AFTER, "after the RIFF container", len(data) - end, end))
    return Layout(
        format="WEBP",
        width=width,
        height=height,
        channels=channels,
        pages=pages,
        orientation=orientation,
        findings=tuple(findings),
        essential=b"RIFF" + (4 + len(needed)).to_bytes(4, "little") + b"WEBP" + bytes(needed),
    )


def _riff(data: bytes, end: int) -> Iterator[tuple[bytes, int, int]]:
    position, count = 12, 0
    while position + 8 <= end:
        count += 1
        check_parts(count, "chunks")
        start = position + 8
        stop = start + int.from_bytes(data[position + 4 : start], "little")
        if stop > end:
            raise cut_off()
        yield data[position : position + 4], start, stop
        position = stop + (stop - start) % 2


def _webp_size(kind: bytes, content: bytes) -> tuple[int, int]:
    if kind == b"VP8 " and content[3:6] == b"\x9d\x01\x2a" and len(content) >= 10:
        width, height = struct.unpack_from("<HH", content, 6)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and content[:1] == b"\x2f" and len(content) >= 5:
        packed = int.from_bytes(content[1:5], "little")
        return 1 + (packed & 0x3FFF), 1 + (packed >> 14 & 0x3FFF)
    raise damaged("its header is wrong")


def read_pnm(data: bytes) -> Layout:
    """The layout of a PBM, PGM or PPM file; `essential` begins with a header without comments."""
    start = data[:_MAX_HEADER]
    header = _PNM_HEADER.match(start)
    if header is None:
        raise over_budget(f"a header of more than {_MAX_HEADER >> 10} kB") if len(data) > _MAX_HEADER else cut_off()
    kind, width, height = int(header[1]), int(header[3]), int(header[5])
    blanks, position, maximum = [header.span(2), header.span(4)], header.end(), 1
    if kind not in (1, 4):
        depth = _PNM_MAXIMUM.match(start, position)
        if depth is None:
            raise over_budget(f"a header of more than {_MAX_HEADER >> 10} kB") if len(data) > _MAX_HEADER else cut_off()
        maximum, position = int(depth[2]), depth.end()
        blanks.append(depth.span(1))
    if not width or not height or not 1 <= maximum <= 65535:
        raise damaged("its header is wrong")
    channels = 3 if kind in (3, 6) else 1
    findings = [FileFinding("comment", "header", b - a, a) for a, b in blanks if b"#" in data[a:b]]
    position += 1
    row = -(-width // 8) if kind == 4 else width * channels * (1 if maximum < 256 else 2)
    if kind > 3:
        end = position + row * height
        if end > len(data):
            raise cut_off()
        if end < len(data):
            findings.append(FileFinding(_AFTER, "after the pixels", len(data) - end, end))
    else:
        end = len(data)
        if len(data) - position > MAX_METADATA_BYTES:
            raise over_budget(f"more than {MAX_METADATA_BYTES >> 20} MB of pixels in plain text")
        if b"#" in data[position:]:
            findings.append(FileFinding("comment", "between the pixels", 0, position))
    depth_of = 16 if maximum > 255 else 8
    clean = b"P%d %d %d%s\n" % (kind, width, height, b"" if kind in (1, 4) else b" %d" % maximum)
    return Layout(
        format="PPM",
        width=width,
        height=height,
        bits=depth_of,
        channels=channels,
        findings=tuple(findings),
        essential=data if data.startswith(clean) and end == len(data) else clean + data[position:end],
    )
