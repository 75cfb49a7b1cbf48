"""WebP files (RFC 9649): chunks, and those parts of the coded pixels that state their size (RFC 6386)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

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
_ALPHA_FLAG = 0x10
_HEADER = 10
"""Bytes of a VP8 key frame before its first partition, and of a VP8X chunk."""

_NAMES = {b"XMP ": "XMP", b"ICCP": "colour profile", b"ALPH": "alpha"}


def read_webp(data: bytes) -> Layout:
    """The layout of a WebP file; raises SampleError if it is truncated, damaged or exceeds a limit."""
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise cut_off()
    findings: list[FileFinding] = []
    width = height = pages = metadata = flags = 0
    orientation, channels, needed, animated = 1, 3, bytearray(), False
    for kind, start, stop in _riff(data, end):
        content = data[start:stop]
        chunk = data[start - 8 : stop + (stop - start) % 2]
        if kind == b"VP8X" and len(content) == _HEADER and not width:
            width, height = (1 + int.from_bytes(content[at : at + 3], "little") for at in (4, 7))
            flags = content[0]
            channels = 4 if flags & _ALPHA_FLAG else 3
            needed += chunk[:8] + bytes([flags & _ALPHA_FLAG]) + content[1:]
        elif kind in (b"VP8 ", b"VP8L"):
            pages += 1
            if not width:
                width, height = _size(kind, content)
            if kind == b"VP8L" and len(content) >= 5 and content[4] & _ALPHA_FLAG:
                channels = 4
            needed += chunk
        elif kind == b"ALPH" and flags & _ALPHA_FLAG:
            needed += chunk
        elif kind == b"ANMF":
            pages, animated = pages + 1, True
        elif kind == b"EXIF":
            skip = 6 if content.startswith(b"Exif\0\0") else 0
            exif = read_exif(data, start + skip, len(content) - skip, "EXIF chunk")
            orientation = exif.orientation
            findings += exif.findings
            metadata += len(content)
        elif kind != b"ANIM" or not animated:  # what else there is, or stands where no decoder looks
            name = _NAMES.get(kind, "application data (chunk)")
            findings.append(FileFinding(name, "RIFF chunk", len(content), start))
            if kind == b"XMP " and (b"xmpGImg:" in content or b"xmp:Thumbnails" in content):
                findings.append(FileFinding("XMP thumbnail", "RIFF chunk", len(content), start))
            metadata += len(content)
        if metadata > MAX_METADATA_BYTES:
            raise over_budget(f"more than {MAX_METADATA_BYTES >> 20} MB besides the pixels")
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


def shortened(essential: bytes, by: int) -> Iterator[bytes]:
    """Yield variants of the file, each with the last bytes of one part of the coded pixels removed.

    If every part is needed to its end, none of them can be decoded. Only parts that state their size are shortened: an
    alpha plane, lossless pixels, and each partition of lossy pixels.

    Args:
        essential: A still picture, with only what decoding needs.
        by: Number of bytes to remove; parts that are not longer are skipped.
    """
    chunks = [(kind, essential[start:stop]) for kind, start, stop in _riff(essential, len(essential))]
    for at, (kind, content) in enumerate(chunks):
        parts = _partitions(content) if kind == b"VP8 " else [content] if kind in (b"VP8L", b"ALPH") else []
        for number, part in enumerate(parts):
            if len(part) > by + _HEADER:
                cut = [*parts[:number], part[:-by], *parts[number + 1 :]]
                whole = _frame(content[:_HEADER], cut) if kind == b"VP8 " else cut[0]
                yield _file([*chunks[:at], (kind, whole), *chunks[at + 1 :]])


def _file(chunks: list[tuple[bytes, bytes]]) -> bytes:
    body = b"".join(
        kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2) for kind, content in chunks
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def _partitions(frame: bytes) -> list[bytes]:
    """The first partition of a lossy key frame, and its coefficient partitions (RFC 6386, section 9.5)."""
    first = int.from_bytes(frame[:3], "little") >> 5
    start = _HEADER + first
    count = _partition_count(frame[_HEADER:start])
    table = frame[start : start + 3 * (count - 1)]
    at, parts = start + len(table), [frame[_HEADER:start]]
    for entry in range(0, len(table), 3):
        size = int.from_bytes(table[entry : entry + 3], "little")
        parts.append(frame[at : at + size])
        at += size
    return [*parts, frame[at:]]


def _frame(header: bytes, parts: list[bytes]) -> bytes:
    tag = int.from_bytes(header[:3], "little") & 31 | len(parts[0]) << 5
    sizes = b"".join(len(part).to_bytes(3, "little") for part in parts[1:-1])
    return tag.to_bytes(3, "little") + header[3:] + parts[0] + sizes + b"".join(parts[1:])


def _partition_count(first: bytes) -> int:
    """Number of coefficient partitions in the frame header (RFC 6386, sections 9.2 to 9.5)."""
    bits = _EvenBits(first)
    bits.read(2)
    if bits.read(1):  # segments
        maps, values = bits.read(1), bits.read(1)
        if values:
            bits.read(1)
            bits.skip_optional(4, 8)
            bits.skip_optional(4, 7)
        if maps:
            bits.skip_optional(3, 8)
    bits.read(10)
    if bits.read(1) and bits.read(1):  # changes of the loop filter
        bits.skip_optional(8, 7)
    return int(1 << bits.read(2))


@dataclass(slots=True)
class _EvenBits:
    """Reads bits coded with even probability by the arithmetic coder of VP8 (RFC 6386, section 7)."""

    data: bytes
    at: int = 2
    range: int = 255
    value: int = -1
    shifted: int = 0

    def read(self, count: int) -> int:
        """Read an unsigned number of `count` bits."""
        if self.value < 0:
            self.value = int.from_bytes(self.data[:2].ljust(2, b"\0"), "big")
        number = 0
        for _ in range(count):
            split = 1 + ((self.range - 1) >> 1)
            bit = int(self.value >= split << 8)
            self.value -= bit * (split << 8)
            self.range = self.range - split if bit else split
            while self.range < 128:
                self.value, self.range, self.shifted = self.value << 1, self.range << 1, self.shifted + 1
                if self.shifted == 8:
                    self.value |= self.data[self.at] if self.at < len(self.data) else 0
                    self.at, self.shifted = self.at + 1, 0
            number = number << 1 | bit
        return number

    def skip_optional(self, count: int, size: int) -> None:
        """Skip `count` optional numbers of `size` bits, each preceded by a bit that tells whether it is present."""
        for _ in range(count):
            if self.read(1):
                self.read(size)


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


def _size(kind: bytes, content: bytes) -> tuple[int, int]:
    if kind == b"VP8 " and content[3:6] == b"\x9d\x01\x2a" and len(content) >= _HEADER:
        width, height = struct.unpack_from("<HH", content, 6)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and content[:1] == b"\x2f" and len(content) >= 5:
        packed = int.from_bytes(content[1:5], "little")
        return 1 + (packed & 0x3FFF), 1 + (packed >> 14 & 0x3FFF)
    raise damaged("its header is wrong")
