"""JPEG 2000 (ISO/IEC 15444-1) and AVIF files: boxes, and the tile parts of a code stream."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from deidkit.images.layouts.record import (
    MAX_METADATA_BYTES,
    FileFinding,
    Layout,
    check_parts,
    cut_off,
    damaged,
    over_budget,
)

_JP2_NEEDED = {b"jP  ", b"ftyp", b"jp2h", b"jp2c"}
_AVIF_NEEDED = {b"ftyp", b"meta", b"mdat", b"free"}
_AVIF_ITEMS = {b"av01", b"grid", b"iovl"}
_ALPHA = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"


def read_jpeg2000(data: bytes) -> Layout:
    """The layout of a JP2 file or a bare code stream."""
    findings: list[FileFinding] = []
    stream = (0, len(data)) if data.startswith(b"\xff\x4f\xff\x51") else None
    essential = data
    if stream is None:
        kept = []
        for kind, start, stop, head in _boxes(data):
            if kind in _JP2_NEEDED:
                kept.append(data[head:stop])
                stream = (start, stop) if kind == b"jp2c" and stream is None else stream
            else:
                findings.append(FileFinding("application data (box)", "box", stop - start, start))
        essential = b"".join(kept)
    if stream is None:
        raise damaged("it has no code stream")
    end = _code_stream(data, *stream)
    if end < stream[1]:
        findings.append(FileFinding("bytes after the picture's end", "after the code stream", stream[1] - end, end))
    _check_metadata(findings)
    at = stream[0] + 8
    right, bottom, left, top = struct.unpack_from(">4I", data, at)
    channels = int.from_bytes(data[at + 32 : at + 34], "big")
    return Layout(
        format="JPEG2000",
        width=max(right - left, 0),
        height=max(bottom - top, 0),
        bits=(data[at + 34] & 127) + 1,
        channels=channels,
        findings=tuple(findings),
        essential=essential,
    )


def _code_stream(data: bytes, start: int, stop: int) -> int:
    """Follow the tile parts to the end of the stream: a decoder shows what it finds of a stream that is cut."""
    if stop - start < 50 or data[start : start + 4] != b"\xff\x4f\xff\x51":
        raise cut_off() if stop - start < 50 else damaged("its code stream is wrong")
    position, count = start + 2, 0
    while True:
        count += 1
        check_parts(count, "tile parts")
        if position + 2 > stop:
            raise cut_off()
        marker = data[position : position + 2]
        if marker == b"\xff\xd9":
            return position + 2
        if position + 12 > stop or marker[0] != 0xFF:
            raise cut_off() if position + 12 > stop else damaged("a tile part is not where it should be")
        if marker == b"\xff\x90":
            size = int.from_bytes(data[position + 6 : position + 10], "big")
            if size == 0:  # up to the end of the stream
                if data[stop - 2 : stop] != b"\xff\xd9":
                    raise cut_off()
                return stop
            position += max(size, 14)
        else:
            position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")


def read_avif(data: bytes) -> Layout:
    """The layout of an AVIF file: top-level boxes and the items that its `meta` box lists."""
    findings: list[FileFinding] = []
    meta, pages = b"", 2 if data[8:12] == b"avis" else 1
    for kind, start, stop, _ in _boxes(data):
        if kind == b"meta":
            meta = data[start:stop]
        elif kind == b"moov":
            pages = 2
        elif kind not in _AVIF_NEEDED or (kind == b"free" and any(data[start:stop])):
            findings.append(FileFinding("application data (box)", "box", stop - start, start))
    _check_metadata(findings)
    size = meta.find(b"ispe")
    if size < 0 or size + 16 > len(meta):
        raise damaged("it has no picture")
    width, height = struct.unpack_from(">II", meta, size + 8)
    for at in _all(meta, b"infe"):
        kind = meta[at + 12 : at + 16]
        if kind not in _AVIF_ITEMS:
            name = {b"Exif": "EXIF", b"mime": "XMP"}.get(kind, "application data (item)")
            findings.append(FileFinding(name, "item", 0))
    if b"thmb" in meta:
        findings.append(FileFinding("second picture", "thumbnail item", 0))
    if b"colr" in meta and meta[meta.index(b"colr") + 4 :][:4] in (b"prof", b"rICC"):
        findings.append(FileFinding("colour profile", "colr box", 0))
    channels = 4 if _ALPHA in meta else 3
    return Layout(
        format="AVIF",
        width=width,
        height=height,
        channels=channels,
        pages=pages,
        findings=tuple(findings),
        essential=data,
    )


def _boxes(data: bytes) -> Iterator[tuple[bytes, int, int, int]]:
    """Kind, start and stop of each top-level box's content, and where the box begins."""
    position, count = 0, 0
    while position < len(data):
        count += 1
        check_parts(count, "boxes")
        if position + 8 > len(data):
            raise cut_off()
        size, start = int.from_bytes(data[position : position + 4], "big"), position + 8
        if size == 1:
            size, start = int.from_bytes(data[position + 8 : position + 16], "big"), position + 16
        stop = len(data) if size == 0 else position + size
        if stop > len(data):
            raise cut_off()
        if stop < start:
            raise damaged("a box is shorter than its header")
        yield data[position + 4 : position + 8], start, stop, position
        position = stop


def _all(data: bytes, word: bytes) -> Iterator[int]:
    at = data.find(word)
    while at >= 0:
        yield at
        at = data.find(word, at + 4)


def _check_metadata(findings: list[FileFinding]) -> None:
    if sum(finding.size for finding in findings) > MAX_METADATA_BYTES:
        raise over_budget(f"more than {MAX_METADATA_BYTES >> 20} MB beside the pixels")
