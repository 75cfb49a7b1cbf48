"""GIF and PNM files."""

from __future__ import annotations

import re
import struct

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
_CONTROL = 8
"""Bytes of a graphic control extension."""

_PNM_HEADER = re.compile(rb"P([1-6])((?:\s|#[^\n\r]*[\n\r])+)(\d{1,9})((?:\s|#[^\n\r]*[\n\r])+)(\d{1,9})")
_PNM_MAXIMUM = re.compile(rb"((?:\s|#[^\n\r]*[\n\r])+)(\d{1,9})")


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
            left, top, across, down, packed = struct.unpack_from("<4HB", data, position + 1)
            if left + across > width or top + down > height:
                raise damaged("a frame is larger than its screen")
            position = _end_of_blocks(data, position + 11 + (3 << ((packed & 7) + 1) if packed & 0x80 else 0))
            needed.append(data[start:position])
        elif kind == 0x21:
            label = data[position + 1 : position + 2]
            position = _end_of_blocks(data, position + 2)
            if label == b"\xf9" and position - start == _CONTROL:
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
        paletted=True,
        findings=tuple(findings),
        essential=b"".join(needed),
    )


def gif_codes(essential: bytes) -> tuple[int, int, bytes]:
    """Smallest code size, number of pixels and all codes of a one-frame GIF that holds only what decoding needs."""
    flags = essential[10]
    at = 13 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
    while essential[at] != 0x2C:
        at = _end_of_blocks(essential, at + 2)
    across, down, packed = struct.unpack_from("<HHB", essential, at + 5)
    at += 10 + (3 << ((packed & 7) + 1) if packed & 0x80 else 0)
    code_size, at, coded = essential[at], at + 1, bytearray()
    while essential[at]:
        coded += essential[at + 1 : at + 1 + essential[at]]
        at += 1 + essential[at]
    return code_size, across * down, bytes(coded)


def _end_of_blocks(data: bytes, position: int) -> int:
    while position < len(data) and data[position]:
        position += 1 + data[position]
    if position >= len(data):
        raise cut_off()
    return position + 1


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
        findings += _plain_text_findings(data[position:], position, kind > 1, width * height * channels)
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


def _plain_text_findings(body: bytes, position: int, numbers: bool, count: int) -> list[FileFinding]:
    """Findings for anything in a body of plain-text values besides its first `count` values."""
    words = body.split() if numbers else b"".join(body.split())
    found = []
    if len(words) > count:
        found.append(FileFinding(_AFTER, "after the pixels", len(words) - count, position))
    if isinstance(words, list) and any(len(word) > 1 and word.startswith(b"0") for word in words):
        found.append(FileFinding("bytes between the parts of the file", "zeros before values", len(words), position))
    return found
