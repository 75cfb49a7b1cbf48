"""PNG files (ISO/IEC 15948): chunks, their checksums, and data after the pixels in the compressed stream."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

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

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_END = b"\0\0\0\0IEND\xaeB`\x82"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_TRANSPARENCY = {0: 2, 2: 6, 3: 256}
_STANDARD_SRGB = {
    b"gAMA": (45455).to_bytes(4, "big"),
    b"cHRM": struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000),
}
_KINDS = {
    b"tEXt": "comment", b"zTXt": "comment", b"iTXt": "comment", b"iCCP": "colour profile", b"tIME": "time",
    b"sPLT": "suggested palette", b"hIST": "histogram", b"gAMA": "colour description", b"cHRM": "colour description",
    b"sRGB": "colour description", b"sBIT": "colour description", b"pHYs": "resolution", b"bKGD": "background colour",
    b"cICP": "colour description", b"mDCV": "colour description", b"cLLI": "colour description",
}  # fmt: skip
_XMP = b"XML:com.adobe.xmp"
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Of an interlaced picture: first column, first row, step of columns, step of rows."""


def read_png(data: bytes) -> Layout:
    """The layout of a PNG file; raises SampleError if it is truncated, damaged or exceeds a limit."""
    findings: list[FileFinding] = []
    needed, pixels, metadata, pages, orientation = [_SIGNATURE], 0, 0, 1, 1
    header, end = b"", 0
    for kind, start, stop in chunks(data):
        content, whole = data[start:stop], data[start - 8 : stop + 4]
        if not header and kind != b"IHDR":
            raise damaged("its header is not first")
        if kind == b"IHDR":
            if header or not _is_header(content):
                raise damaged("its header is wrong")
            header = content
            needed.append(whole)
        elif kind == b"IEND":
            if content:
                findings.append(FileFinding("application data (chunk)", "IEND chunk", len(content), start))
            needed.append(_END)
            end = stop + 4
        elif kind == b"IDAT":
            pixels += 1
            needed.append(whole)
        elif kind == b"tRNS":
            if len(content) > _TRANSPARENCY.get(header[9], 0):
                raise damaged("its transparency is longer than its colours allow")
            needed.append(whole)
        elif kind == b"PLTE" and header[9] == 3:
            needed.append(whole)
        elif kind == b"acTL":
            pages = max(int.from_bytes(content[:4], "big"), 1)
        else:
            metadata += len(content)
            if kind == b"eXIf":
                exif = read_exif(data, start, len(content), "eXIf chunk")
                orientation = exif.orientation
                findings += exif.findings
            else:
                findings += _chunk_findings(kind, content, start)
        if metadata > MAX_METADATA_BYTES:
            raise over_budget(f"more than {MAX_METADATA_BYTES >> 20} MB besides the pixels")
    if not pixels:
        raise damaged("it has no pixels")
    if end < len(data):
        findings.append(FileFinding("bytes after the picture's end", "after the IEND chunk", len(data) - end, end))
    width, height = struct.unpack(">II", header[:8])
    return Layout(
        format="PNG",
        width=width,
        height=height,
        bits=header[8],
        channels=_CHANNELS[header[9]],
        pages=pages,
        orientation=orientation,
        paletted=header[9] == 3,
        findings=tuple(findings),
        essential=b"".join(needed),
    )


def trailing_bytes(essential: bytes) -> int:
    """Bytes of a PNG after its last pixel, inside the compressed stream or behind it.

    Args:
        essential: The file, without anything that decoding does not need.

    Raises:
        SampleError: The stream is damaged, or ends before the last pixel.
    """
    inflater, total, behind = zlib.decompressobj(), 0, 0
    expected = _stream_size(essential[16:29])
    try:
        for kind, start, stop in chunks(essential):
            if kind != b"IDAT":
                continue
            if inflater.eof:
                behind += stop - start
                continue
            part = essential[start:stop]
            while part and not inflater.eof:
                total += len(inflater.decompress(part, 1 << 22))
                if total > expected + MAX_METADATA_BYTES:
                    raise over_budget(f"more than {MAX_METADATA_BYTES >> 20} MB behind the pixels")
                part = inflater.unconsumed_tail
            behind += len(inflater.unused_data)
    except zlib.error:
        raise damaged("its compressed pixels are wrong") from None
    if not inflater.eof or total < expected:
        raise cut_off()
    return behind + total - expected


def _stream_size(header: bytes) -> int:
    width, height = (int(number) for number in struct.unpack(">II", header[:8]))
    bits, colour, interlaced = header[8], header[9], header[12]
    if not interlaced:
        return height * (1 + -(-width * bits * _CHANNELS[colour] // 8))
    total = 0
    for left, top, across, down in _PASSES:
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + -(-columns * bits * _CHANNELS[colour] // 8))
    return total


def chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and stop of the content of each chunk; every checksum is verified."""
    position, count, view = 8, 0, memoryview(data)
    while True:
        count += 1
        check_parts(count, "chunks")
        if position + 12 > len(data):
            raise cut_off()
        size, kind = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8]
        start, stop = position + 8, position + 8 + size
        if stop + 4 > len(data):
            raise cut_off()
        if zlib.crc32(view[position + 4 : stop]) != int.from_bytes(data[stop : stop + 4], "big"):
            raise damaged("the check sum of a chunk is wrong")
        yield kind, start, stop
        if kind == b"IEND":
            return
        position = stop + 4


def _is_header(content: bytes) -> bool:
    if len(content) != 13:
        return False
    bits, colour, compression, filters, interlaced = content[8:]
    allowed = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
    size = all(0 < int.from_bytes(content[at : at + 4], "big") < 1 << 31 for at in (0, 4))
    return size and bits in allowed.get(colour, ()) and (compression, filters) == (0, 0) and interlaced < 2


def _chunk_findings(kind: bytes, content: bytes, start: int) -> list[FileFinding]:
    """Findings for a chunk that decoding the pixels does not need; empty if it can hold no information of its own."""
    name = kind.decode("ascii") if kind.isalpha() else "unknown"
    where = f"{name} chunk"
    usual = (
        _STANDARD_SRGB.get(kind) == content
        or (kind == b"sRGB" and content in (b"\0", b"\1", b"\2", b"\3"))
        or (kind == b"sBIT" and set(content) <= {8})
        or (kind == b"pHYs" and len(content) == 9 and content[:4] == content[4:8] and content[:2] == b"\0\0")
    )
    if usual:
        return []
    if kind == b"iTXt" and content.startswith(_XMP):
        return [FileFinding("XMP", where, len(content), start)]
    if kind == b"PLTE":
        return [FileFinding("suggested palette", where, len(content), start)]
    return [FileFinding(_KINDS.get(kind, "application data (private chunk)"), where, len(content), start)]
