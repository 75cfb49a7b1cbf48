"""JPEG 2000 files (ISO/IEC 15444-1): boxes, marker segments, tile parts, and data outside of packets."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field

import numpy as np

from deidkit.images.layouts.boxes import Box, boxes, check_metadata
from deidkit.images.layouts.record import FileFinding, Layout, check_parts, cut_off, damaged

_START = b"\xff\x4f\xff\x51"
_NEEDED_BOXES = {b"jP  ", b"ftyp", b"jp2h", b"jp2c"}
_HEADER_BOXES = {b"ihdr": 14, b"bpcc": 40, b"colr": 7, b"pclr": 4096, b"cmap": 64, b"cdef": 64, b"res ": 36}
"""Boxes of the header, with the longest content that a picture needs."""

_SOT, _SOD, _EOC, _COM = 0x90, 0x93, 0xD9, 0x64
_NEEDED_SEGMENTS = {0x51, 0x52, 0x53, 0x5C, 0x5D, 0x5E, 0x5F, 0x60, 0x61}
_ENCODER = re.compile(rb"\x00\x01(Created by OpenJPEG version [\d.]{1,12}|Kakadu-v[\d.]{1,12})\x00?")
_LARGEST_IN_PACKETS = 0x8F
_PACKET_MARKERS = (0x91, 0x92)


@dataclass(slots=True)
class _Stream:
    data: bytes
    stop: int
    findings: list[FileFinding] = field(default_factory=list)
    parts: int = 0


def read_jpeg2000(data: bytes) -> Layout:
    """The layout of a JP2 file or a bare code stream; raises SampleError if it is truncated or damaged."""
    findings: list[FileFinding] = []
    stream = (0, len(data)) if data.startswith(_START) else None
    essential = data
    if stream is None:
        kept = []
        for box in boxes(data):
            if box.kind not in _NEEDED_BOXES or (box.kind == b"jp2c" and stream):
                findings.append(box.finding("second picture" if box.kind == b"jp2c" else "application data (box)"))
                continue
            kept.append(data[box.head : box.stop])
            if box.kind == b"jp2c":
                stream = (box.start, box.stop)
            elif box.kind == b"jp2h":
                findings += _header_findings(data, box)
        essential = b"".join(kept)
    if stream is None:
        raise damaged("it has no code stream")
    reader = _Stream(data, stream[1])
    end = _follow(reader, stream[0])
    findings += reader.findings
    if end < stream[1]:
        findings.append(FileFinding("bytes after the picture's end", "after the code stream", stream[1] - end, end))
    check_metadata(findings)
    at = stream[0] + 8
    right, bottom, left, top = struct.unpack_from(">4I", data, at)
    return Layout(
        format="JPEG2000",
        width=max(right - left, 0),
        height=max(bottom - top, 0),
        bits=(data[at + 34] & 127) + 1,
        channels=int.from_bytes(data[at + 32 : at + 34], "big"),
        findings=tuple(findings),
        essential=essential,
    )


def _header_findings(data: bytes, header: Box) -> list[FileFinding]:
    found = []
    for box in boxes(data, header.start, header.stop):
        if box.stop - box.start > _HEADER_BOXES.get(box.kind, -1):
            found.append(box.finding("colour profile" if box.kind == b"colr" else "application data (box)"))
    return found


def _follow(reader: _Stream, start: int) -> int:
    """Read segments and tile parts, and return where the stream ends; decoders accept a truncated stream silently."""
    data, stop = reader.data, reader.stop
    if stop - start < 50 or data[start : start + 4] != _START:
        raise cut_off() if stop - start < 50 else damaged("its code stream is wrong")
    position = start + 2
    while True:
        if position + 2 > stop:
            raise cut_off()
        if data[position : position + 2] == b"\xff\xd9":
            return position + 2
        if position + 12 > stop or data[position] != 0xFF:
            raise cut_off() if position + 12 > stop else damaged("a tile part is not where it should be")
        if data[position + 1] != _SOT:
            position = _segment(reader, position)
            continue
        size = int.from_bytes(data[position + 6 : position + 10], "big")
        last = position + max(size, 14) if size else stop - 2
        if last > stop or (not size and data[last:stop] != b"\xff\xd9"):
            raise cut_off()
        _tile_part(reader, position + 12, last)
        position = last


def _segment(reader: _Stream, position: int) -> int:
    """Record a marker segment and return where it ends."""
    reader.parts += 1
    check_parts(reader.parts, "segments")
    marker, size = reader.data[position + 1], int.from_bytes(reader.data[position + 2 : position + 4], "big")
    stop = position + 2 + size
    if size < 2 or stop > reader.stop:
        raise cut_off()
    content = reader.data[position + 4 : stop]
    if marker not in _NEEDED_SEGMENTS and not (marker == _COM and _ENCODER.fullmatch(content)):
        kind = "comment" if marker == _COM else "application data (segment)"
        reader.findings.append(FileFinding(kind, "segment", len(content), position + 4))
    return stop


def _tile_part(reader: _Stream, position: int, stop: int) -> None:
    """Check a tile part: within packets, no byte above 8F follows a byte FF (annex B.10.1, D.1)."""
    reader.parts += 1
    check_parts(reader.parts, "tile parts")
    while reader.data[position : position + 2] != bytes((0xFF, _SOD)):
        if position + 4 > stop or reader.data[position] != 0xFF:
            raise damaged("a tile part has no pixels")
        position = _segment(reader, position)
    coded = np.frombuffer(reader.data, np.uint8, stop - position - 2, position + 2)
    following = coded[1:][coded[:-1] == 0xFF]
    if np.any((following > _LARGEST_IN_PACKETS) & ~np.isin(following, _PACKET_MARKERS)):
        raise damaged("there are bytes between its packets")
