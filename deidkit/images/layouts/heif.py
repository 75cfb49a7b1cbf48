"""AVIF and HEIC files (ISO/IEC 23008-12): the items, their relations, and all their bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from deidkit.images.layouts.boxes import Box, boxes, check_metadata
from deidkit.images.layouts.record import FileFinding, Format, Layout, check_parts, cut_off, damaged

_NEEDED = {b"ftyp", b"meta", b"mdat", b"free", b"skip"}
_META = {b"hdlr": 64, b"pitm": 8, b"iloc": 1 << 20, b"iinf": 1 << 20, b"iprp": 1 << 20, b"iref": 1 << 20, b"idat": 64}
_PROPERTIES = {
    b"ispe": 12, b"pixi": 16, b"av1C": 128, b"hvcC": 4096, b"auxC": 64, b"irot": 1, b"imir": 1, b"pasp": 8, b"colr": 11,
    b"clap": 32,
}  # fmt: skip
"""Boxes of a picture, with the largest plausible size of their content."""

_PICTURES = {b"av01", b"hvc1", b"grid"}
_ALPHA = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")
_NAMES = {b"Exif": "EXIF", b"mime": "XMP"}
_PADDING, _METADATA, _FRAMES = 15, 5, (3, 6)
"""Kinds of units in AV1 (AV1 bitstream specification, section 6.2.2)."""


@dataclass(slots=True)
class _Items:
    """Content of the `meta` box.

    Attributes:
        primary: Number of the visible item.
        places: (start, stop) of each item in the file.
        tiles: Items of each grid, by the grid's number.
        auxiliary: Items that belong to others, such as alpha.
        properties: Every property, in order.
    """

    primary: int = -1
    kinds: dict[int, bytes] = field(default_factory=dict)
    places: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    tiles: dict[int, list[int]] = field(default_factory=dict)
    auxiliary: dict[int, int] = field(default_factory=dict)
    thumbnails: set[int] = field(default_factory=set)
    properties: dict[int, list[Box]] = field(default_factory=dict)


def read_avif(data: bytes) -> Layout:
    """The layout of an AVIF file; raises SampleError if it is truncated or damaged."""
    return _read(data, "AVIF")


def read_heic(data: bytes) -> Layout:
    """The layout of a HEIC file; raises SampleError if it is truncated or damaged."""
    return _read(data, "HEIC")


def _read(data: bytes, name: Format) -> Layout:
    findings: list[FileFinding] = []
    items, pages, media = _Items(), 2 if data[8:12] in (b"avis", b"hevc", b"msf1") else 1, []
    for box in boxes(data):
        if box.kind == b"meta":
            findings += _meta(data, box, items)
        elif box.kind == b"mdat":
            media.append((box.start, box.stop))
        elif box.kind == b"moov":
            pages = 2
        elif box.kind not in _NEEDED or (box.kind in (b"free", b"skip") and any(data[box.start : box.stop])):
            findings.append(box.finding())
    if items.kinds.get(items.primary) not in _PICTURES:
        raise damaged("it has no picture")
    size = next((box for box in items.properties.get(items.primary, []) if box.kind == b"ispe"), None)
    if size is None or size.stop - size.start != 12:
        raise damaged("it has no size")
    width, height = _shown_size(data, items, *struct.unpack_from(">II", data, size.start + 4))
    alpha = _alpha(data, items)
    findings += _other_items(data, items, alpha)
    findings += _between(media, [place for places in items.places.values() for place in places])
    check_metadata(findings)
    return Layout(
        format=name,
        width=width,
        height=height,
        channels=4 if alpha else 3,
        bits=_bits(data, items),
        pages=pages,
        findings=tuple(findings),
        essential=data,
    )


def _meta(data: bytes, meta: Box, items: _Items) -> Iterator[FileFinding]:
    found, idat = {}, 0
    for box in boxes(data, meta.start + 4, meta.stop):
        if box.stop - box.start > _META.get(box.kind, -1) or box.kind in found:
            yield box.finding()
        else:
            found[box.kind] = box
    idat = found[b"idat"].start if b"idat" in found else 0
    for kind, read in ((b"pitm", _primary), (b"iinf", _kinds), (b"iref", _references)):
        if kind in found:
            read(data, found[kind], items)
    if b"iloc" in found:
        _places(data, found[b"iloc"], items, idat)
    if b"iprp" in found:
        yield from _properties(data, found[b"iprp"], items)


def _primary(data: bytes, box: Box, items: _Items) -> None:
    items.primary = _number(data, box.start + 4, 4 if data[box.start] else 2)


def _kinds(data: bytes, box: Box, items: _Items) -> None:
    for entry in boxes(data, box.start + (8 if data[box.start] else 6), box.stop):
        version = data[entry.start]
        wide = 4 if version == 3 else 2
        number = _number(data, entry.start + 4, wide)
        at = entry.start + 4 + wide + 2
        check_parts(len(items.kinds), "items")
        items.kinds[number] = data[at : at + 4] if version >= 2 and entry.kind == b"infe" else b"?"


def _references(data: bytes, box: Box, items: _Items) -> None:
    wide = 4 if data[box.start] else 2
    for entry in boxes(data, box.start + 4, box.stop):
        source, count = _number(data, entry.start, wide), _number(data, entry.start + wide, 2)
        targets = [_number(data, entry.start + wide + 2 + wide * at, wide) for at in range(count)]
        if entry.kind == b"dimg":
            items.tiles.setdefault(source, []).extend(targets)
        elif entry.kind == b"auxl" and targets:
            items.auxiliary[source] = targets[0]
        elif entry.kind == b"thmb":
            items.thumbnails.add(source)


def _places(data: bytes, box: Box, items: _Items, idat: int) -> None:
    version, sizes = data[box.start], _number(data, box.start + 4, 2)
    offset, length, base, index = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15, sizes & 15 if version else 0
    wide = 4 if version == 2 else 2
    count, at = _number(data, box.start + 6, wide), box.start + 6 + wide
    check_parts(count, "items")
    for _ in range(count):
        number, at = _number(data, at, wide), at + wide
        method, at = (_number(data, at, 2) & 15, at + 2) if version else (0, at)
        first, at = _number(data, at + 2, base), at + 2 + base
        extents, at = _number(data, at, 2), at + 2
        check_parts(extents, "extents")
        for _ in range(extents):
            at += index
            start, size = _number(data, at, offset), _number(data, at + offset, length)
            at += offset + length
            start += first + (idat if method == 1 else 0)
            if start + size > len(data):
                raise cut_off()
            items.places.setdefault(number, []).append((start, start + size))


def _properties(data: bytes, box: Box, items: _Items) -> Iterator[FileFinding]:
    listed: list[Box] = []
    for part in boxes(data, box.start, box.stop):
        if part.kind == b"ipco":
            for entry in boxes(data, part.start, part.stop):
                listed.append(entry)
                profile = entry.kind == b"colr" and data[entry.start : entry.start + 4] != b"nclx"
                if profile or entry.stop - entry.start > _PROPERTIES.get(entry.kind, -1):
                    yield entry.finding("colour profile" if entry.kind == b"colr" else "application data (property)")
        elif part.kind == b"ipma":
            _associations(data, part, items, listed)
        else:
            yield part.finding()


def _associations(data: bytes, box: Box, items: _Items, listed: list[Box]) -> None:
    version, wide = data[box.start], 2 if data[box.start + 3] & 1 else 1
    count, at = _number(data, box.start + 4, 4), box.start + 8
    check_parts(count, "items")
    for _ in range(count):
        number, at = _number(data, at, 4 if version else 2), at + (4 if version else 2)
        for place in range(data[at]):
            index = _number(data, at + 1 + wide * place, wide) & (0x7FFF if wide == 2 else 0x7F)
            if 1 <= index <= len(listed):
                items.properties.setdefault(number, []).append(listed[index - 1])
        at += 1 + wide * data[at]


def _shown_size(data: bytes, items: _Items, width: int, height: int) -> tuple[int, int]:
    """Size after cropping and rotation. Encoders limited to even sizes crop one pixel; more would hide something."""
    for box in items.properties.get(items.primary, []):
        if box.kind == b"clap":
            across, down = _number(data, box.start, 4), _number(data, box.start + 8, 4)
            parts = (_number(data, box.start + 4, 4), _number(data, box.start + 12, 4))
            if parts != (1, 1) or not (0 <= width - across <= 1 and 0 <= height - down <= 1):
                raise damaged("it shows a part of its picture only")
            width, height = across, down
        elif box.kind == b"irot" and data[box.start] & 1:
            width, height = height, width
    return width, height


def _alpha(data: bytes, items: _Items) -> int:
    """The alpha item of the visible one; 0 if there is none."""
    for number, target in items.auxiliary.items():
        named = [data[box.start : box.stop] for box in items.properties.get(number, []) if box.kind == b"auxC"]
        if target == items.primary and any(name in content for name in _ALPHA for content in named):
            return number
    return 0


def _other_items(data: bytes, items: _Items, alpha: int) -> Iterator[FileFinding]:
    """Yield items other than the picture, its tiles and alpha, and non-pixel content of those."""
    shown = {items.primary, *items.tiles.get(items.primary, [])}
    shown |= {alpha, *items.tiles.get(alpha, [])} if alpha else set()
    for number, kind in items.kinds.items():
        places = items.places.get(number, [])
        size, start = sum(stop - start for start, stop in places), places[0][0] if places else -1
        if number not in shown or kind not in _PICTURES:
            name = "second picture" if kind in _PICTURES else _NAMES.get(kind, "application data (item)")
            yield FileFinding(name, "thumbnail item" if number in items.thumbnails else "item", size, start)
        elif kind != b"grid":
            coded = b"".join(data[start:stop] for start, stop in places)
            behind = _bytes_besides_frames(coded) if kind == b"av01" else _bytes_besides_slices(coded)
            if behind:
                yield FileFinding("application data (coded unit)", "item", behind, start)
        elif size > 12:
            yield FileFinding("application data (item)", "item", size - 12, start)
    for number in set(items.places) - set(items.kinds):
        yield FileFinding("application data (item)", "item", 0, items.places[number][0][0])


def _bytes_besides_frames(coded: bytes) -> int:
    """Number of bytes in invisible AV1 units: padding, metadata, a second frame."""
    at, extra, frames = 0, 0, 0
    while at < len(coded):
        head, start = coded[at], at + (2 if coded[at] & 4 else 1)
        size = len(coded) - start
        if head & 2:
            size, start = _leb128(coded, start)
        if start + size > len(coded):
            raise cut_off()
        kind = head >> 3 & 15
        frames += kind in _FRAMES
        if kind in (_PADDING, _METADATA) or (kind in _FRAMES and frames > 1):
            extra += size
        at = start + size
    return extra


def _leb128(coded: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(8):
        value |= (coded[at + place] & 127) << 7 * place
        if coded[at + place] < 128:
            return value, at + place + 1
    raise damaged("a unit has no size")


def _bytes_besides_slices(coded: bytes) -> int:
    """Number of bytes in invisible HEVC units: supplemental information and data after a picture."""
    at, extra = 0, 0
    while at + 4 <= len(coded):
        size = _number(coded, at, 4)
        if at + 4 + size > len(coded):
            raise cut_off()
        if size and (coded[at + 4] >> 1 & 63) > 34:
            extra += size
        at += 4 + size
    return extra + len(coded) - at


def _between(media: list[tuple[int, int]], used: list[tuple[int, int]]) -> Iterator[FileFinding]:
    """Yield ranges of the media boxes that belong to no item."""
    ordered = sorted(used)
    for start, stop in media:
        reached = start
        for first, last in [*ordered, (stop, stop)]:
            if last <= start or first > stop:
                continue
            if first > reached:
                yield FileFinding("bytes between the parts of the file", "mdat box", first - reached, reached)
            reached = max(reached, last)


def _bits(data: bytes, items: _Items) -> int:
    for box in items.properties.get(items.primary, []):
        if box.kind == b"pixi" and box.stop - box.start > 5:
            return max(data[box.start + 5 : box.stop])
    return 8


def _number(data: bytes, at: int, size: int) -> int:
    if at < 0 or at + size > len(data):
        raise cut_off()
    return int.from_bytes(data[at : at + size], "big")
