"""JPEG files (ITU-T T.81, annex B): segments, scans, and whether the scans are complete."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

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

MAX_SCANS = 100
"""Scans of one picture; encoders write up to about 20."""

MAX_BLOCK_VISITS = 40_000_000
"""Blocks of 8 x 8 coefficients times the scans that visit them: 80 million pixels by a usual progression of 10 scans
are 9 million (4:2:0) or 18 million (4:4:4); an empty visit takes 60 ns."""

MAX_CODED_BYTES = 60_000_000
MAX_PROGRESSIVE_BYTES = 45_000_000
"""Of a whole file: a photograph of 80 million pixels at quality 95 has about 40 million. Progressive ones cost more."""

_SOI, _EOI, _SOS, _DQT, _DHT, _DRI, _COM, _DAC = 0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xDD, 0xFE, 0xCC
_MAX_DAC, _INKS = 64, 4
_FRAMES = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}
_OTHER_FRAMES = {0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF}
_PROGRESSIVE = {0xC2, 0xCA}
_APP0, _APP14, _APP15 = 0xE0, 0xEE, 0xEF
_XMP = b"http://ns.adobe.com/"
_XMP_THUMBNAILS = (b"xmpGImg:", b"xmp:Thumbnails")
_IPTC = b"8BIM\x04\x04"
_PHOTOSHOP_THUMBNAILS = (b"8BIM\x04\x09", b"8BIM\x04\x0c")


@dataclass(slots=True)
class _Component:
    """One component of the frame, and the lowest bit sent so far of each of its 64 coefficients."""

    sampling: tuple[int, int]
    table: int
    lowest_bit: list[int | None] = field(default_factory=lambda: [None] * 64)


@dataclass(slots=True)
class _Reader:
    data: bytes
    findings: list[FileFinding] = field(default_factory=list)
    needed: list[tuple[int, int]] = field(default_factory=lambda: [(0, 2)])
    components: dict[int, _Component] = field(default_factory=dict)
    frame: int = 0
    width: int = 0
    height: int = 0
    orientation: int = 1
    scans: int = 0
    visits: int = 0
    unused: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)


def read_jpeg(data: bytes) -> Layout:
    """The layout of a JPEG file. Raises SampleError if it is truncated, damaged, lacks scans or exceeds a limit."""
    reader = _Reader(data)
    if len(data) > MAX_CODED_BYTES:
        raise over_budget(f"a JPEG file of more than {MAX_CODED_BYTES // 1_000_000} MB")
    end = _walk(reader)
    if reader.frame in _PROGRESSIVE and len(data) > MAX_PROGRESSIVE_BYTES:
        raise over_budget(f"a progressive JPEG file of more than {MAX_PROGRESSIVE_BYTES // 1_000_000} MB")
    _check_complete(reader)
    reader.findings += [
        FileFinding("unused tables", "DQT or DHT segment", size, at) for at, size in reader.unused.values()
    ]
    if len(reader.components) == _INKS:  # three of them times the fourth are shown, so that they can hold anything
        size = reader.width * reader.height
        reader.findings.append(FileFinding("further channels", "pixels", size))
    if end < len(data):
        kind = "second picture" if data[end : end + 2] == b"\xff\xd8" else "bytes after the picture's end"
        reader.findings.append(FileFinding(kind, "after the end marker", len(data) - end, end))
    return Layout(
        format="JPEG",
        width=reader.width,
        height=reader.height,
        channels=len(reader.components),
        orientation=reader.orientation,
        findings=tuple(reader.findings),
        essential=b"".join(data[start:stop] for start, stop in reader.needed),
    )


def _walk(reader: _Reader) -> int:
    """Read every segment and return where the picture ends."""
    data, markers = reader.data, _markers(reader.data)
    position, count, metadata = 2, 0, 0
    while True:
        count += 1
        check_parts(count, "segments")
        if position >= len(data):
            raise cut_off()
        if data[position] != 0xFF:
            raise damaged("there are bytes between two segments")
        start = position
        while position < len(data) and data[position] == 0xFF:  # fill bytes
            position += 1
        if position >= len(data):
            raise cut_off()
        marker, position = data[position], position + 1
        if marker == _EOI:
            reader.needed.append((position - 2, position))
            return position
        if position + 2 > len(data):
            raise cut_off()
        size = int.from_bytes(data[position : position + 2], "big")
        if marker in (0, 1, _SOI) or 0xD0 <= marker <= 0xD7 or size < 2:
            raise damaged("a segment cannot be where it is")
        stop = position + size
        if stop > len(data):
            raise cut_off()
        content = (position + 2, stop)
        if _is_needed(reader, marker, content):
            if marker == _SOS:
                stop = _next(markers, stop, len(data))
            reader.needed.append((position - 2, stop))
        else:
            metadata += size
            if metadata > MAX_METADATA_BYTES:
                raise over_budget(f"more than {MAX_METADATA_BYTES >> 20} MB besides the pixels")
        if position - 2 > start:
            reader.findings.append(FileFinding("fill bytes", "before a marker", position - 2 - start, start))
        position = stop


def _markers(data: bytes) -> NDArray[np.intp]:
    """Positions of markers that can end a scan, that is, neither stuffed zeros nor restart markers."""
    array = np.frombuffer(data, np.uint8)
    places = np.flatnonzero(array[:-1] == 0xFF)
    following = array[places + 1]
    ending: NDArray[np.intp] = places[
        (following != 0) & ((following < 0xD0) | (following > 0xD7)) & (following != 0xFF)
    ]
    return ending


def _next(markers: NDArray[np.intp], position: int, end: int) -> int:
    """The first marker at or after a position; `end` if there is none."""
    first = int(np.searchsorted(markers, position))
    return int(markers[first]) if first < len(markers) else end


def _is_needed(reader: _Reader, marker: int, content: tuple[int, int]) -> bool:
    """Record a segment and return whether decoding the pixels needs it."""
    start, stop = content
    if marker in _FRAMES:
        _frame(reader, marker, reader.data[start:stop])
    elif marker in _OTHER_FRAMES:
        raise damaged("its kind of JPEG (lossless, hierarchical) cannot be read")
    elif marker == _SOS:
        _scan(reader, reader.data[start:stop])
    elif marker in (_DQT, _DHT):
        _tables(reader, marker, start, stop)
    elif marker == _DRI or (marker == _DAC and stop - start <= _MAX_DAC):
        pass
    elif marker == _APP0 and reader.data[start:stop].startswith(b"JFIF\0"):
        if stop - start > 14:
            reader.findings.append(FileFinding("JFIF thumbnail", "APP0 segment", stop - start - 14, start + 14))
    elif marker == _APP14 and reader.data[start:stop].startswith(b"Adobe"):
        if not _is_usual_adobe(reader.data[start:stop]):
            reader.findings.append(FileFinding("unusual Adobe segment", "APP14 segment", stop - start, start))
    else:
        reader.findings += _segment_findings(reader, marker, start, stop)
        return False
    return True


def _frame(reader: _Reader, marker: int, content: bytes) -> None:
    if reader.frame:
        raise damaged("it has two frames")
    if len(content) < 6 or len(content) != 6 + 3 * content[5]:
        raise damaged("its frame header is wrong")
    if content[0] != 8:
        raise damaged(f"JPEG of {content[0]} bits per channel cannot be read; export it with 8")
    reader.frame = marker
    reader.height, reader.width = int.from_bytes(content[1:3], "big"), int.from_bytes(content[3:5], "big")
    for at in range(6, len(content), 3):
        sampling = (content[at + 1] >> 4, content[at + 1] & 15)
        if not all(1 <= factor <= 4 for factor in sampling):
            raise damaged("its frame header is wrong")
        reader.components[content[at]] = _Component(sampling, content[at + 2])
    if not reader.height or not reader.width or len(reader.components) not in (1, 3, 4) or content[5] > 4:
        raise damaged("its frame header is wrong")


def _scan(reader: _Reader, content: bytes) -> None:
    count = content[0] if content else 0
    if not reader.frame or not 1 <= count <= 4 or len(content) != 4 + 2 * count:
        raise damaged("a scan header is wrong")
    first, last, bits = content[1 + 2 * count :]
    if first > last or last > 63:
        raise damaged("a scan header is wrong")
    reader.scans += 1
    if reader.scans > MAX_SCANS:
        raise over_budget(f"more than {MAX_SCANS} scans")
    widest = max(component.sampling[0] for component in reader.components.values())
    highest = max(component.sampling[1] for component in reader.components.values())
    for at in range(1, 1 + 2 * count, 2):
        component = reader.components.get(content[at])
        if component is None:
            raise damaged("a scan is of a colour that the frame does not have")
        if bits >> 4 == 0 and any(sent is not None for sent in component.lowest_bit[first : last + 1]):
            raise damaged("pixels are sent twice, of which the last are shown")
        component.lowest_bit[first : last + 1] = [bits & 15] * (last + 1 - first)
        reader.visits += (-(-reader.width // 8) * component.sampling[0] // widest + 1) * (
            -(-reader.height // 8) * component.sampling[1] // highest + 1
        )
        reader.unused.pop(("DQT", component.table), None)
        if first == 0 and bits >> 4 == 0:
            reader.unused.pop(("DHT", content[at + 1] >> 4), None)
        if last > 0:
            reader.unused.pop(("DHT", 16 + (content[at + 1] & 15)), None)
    if reader.visits > MAX_BLOCK_VISITS:
        raise over_budget(f"{reader.scans} scans of so many pixels")


def _tables(reader: _Reader, marker: int, start: int, stop: int) -> None:
    """Record every table of a segment: a table that no scan uses is a finding, since it can hold anything."""
    name, at = "DQT" if marker == _DQT else "DHT", start
    while at < stop:
        kind = reader.data[at]
        size = 1 + 64 * (1 + (kind >> 4)) if marker == _DQT else 17 + sum(reader.data[at + 1 : min(at + 17, stop)])
        if at + size > stop:
            raise damaged("a table is longer than its segment")
        key = (name, kind & 15 if marker == _DQT else kind)
        if key in reader.unused:
            reader.findings.append(
                FileFinding("unused tables", f"{name} segment", reader.unused[key][1], reader.unused[key][0])
            )
        reader.unused[key] = (at, size)
        at += size


def _check_complete(reader: _Reader) -> None:
    """Raise SampleError unless every coefficient was sent completely; decoders silently show what they got."""
    for component in reader.components.values():
        if reader.frame not in _PROGRESSIVE:
            component.lowest_bit = [None if bit is None else 0 for bit in component.lowest_bit]
        if any(bit != 0 for bit in component.lowest_bit):
            raise damaged("the last scans are missing")
    if not reader.components:
        raise damaged("it has no frame")


def _is_usual_adobe(content: bytes) -> bool:
    return (
        len(content) == 12
        and content[5:7] in (b"\0\x64", b"\0\x65")
        and content[7:9] in (b"\0\0", b"\x40\0", b"\x80\0", b"\xc0\0")
        and content[9:11] == b"\0\0"
        and content[11] <= 2
    )


def _segment_findings(reader: _Reader, marker: int, start: int, stop: int) -> list[FileFinding]:
    """Findings for a segment that decoding the pixels does not need."""
    content, size = reader.data[start:stop], stop - start
    where = (
        "COM segment" if marker == _COM else f"APP{marker - _APP0} segment" if _APP0 <= marker <= _APP15 else "segment"
    )
    if marker == _COM:
        return [FileFinding("comment", where, size, start)]
    if marker == 0xE1 and content.startswith(b"Exif\0"):
        exif = read_exif(reader.data, start + 6, size - 6, where)
        reader.orientation = exif.orientation if reader.orientation == 1 else reader.orientation
        return list(exif.findings)
    if marker == 0xE1 and content.startswith(_XMP):
        found = [FileFinding("XMP", where, size, start)]
        if any(mark in content for mark in _XMP_THUMBNAILS):
            found.append(FileFinding("XMP thumbnail", where, size, start))
        return found
    if marker == 0xE2 and content.startswith(b"ICC_PROFILE\0"):
        return [FileFinding("colour profile", where, size, start)]
    if marker == 0xE2 and content.startswith(b"MPF\0"):
        return [FileFinding("list of pictures", where, size, start)]
    if marker == 0xED and content.startswith(b"Photoshop 3.0\0"):
        found = (
            [FileFinding("Photoshop thumbnail", where, size, start)]
            if any(mark in content for mark in _PHOTOSHOP_THUMBNAILS)
            else []
        )
        return [FileFinding("IPTC" if _IPTC in content else "Photoshop data", where, size, start), *found]
    if marker == _APP0 and content.startswith(b"JFXX\0"):
        return [FileFinding("JFIF thumbnail", where, size, start)]
    return [FileFinding(f"application data ({where.split()[0]})", where, size, start)]
