"""TIFF files (TIFF 6.0 and BigTIFF): the first directory, its pixels, and all bytes that belong to neither."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from deidkit.images.layouts.jpeg import read_jpeg
from deidkit.images.layouts.record import (
    MAX_METADATA_BYTES,
    FileFinding,
    Layout,
    check_parts,
    cut_off,
    damaged,
    over_budget,
)

_NEEDED = {
    254, 255, 256, 257, 258, 259, 262, 263, 266, 273, 274, 277, 278, 279, 280, 281, 282, 283, 284, 292, 293, 296, 297,
    317, 318, 319, 320, 322, 323, 324, 325, 338, 339, 347, 529, 530, 531, 532,
}  # fmt: skip
"""Tags that say how the pixels are stored; all others are about the picture, or another's."""

_LARGEST = {318: 16, 319: 48, 320: 6 << 8, 347: 4096, 529: 24, 532: 48}
_LARGEST_OF_A_CHANNEL = 8
"""Bytes that such a tag may have; where nothing is stated, so many for each channel."""

_KINDS = {
    330: "further page", 700: "XMP", 33723: "IPTC", 34377: "Photoshop data", 34675: "colour profile",
    34853: "GPS position", 301: "colour description",
}  # fmt: skip
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_NUMBERS = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}
_STRIPS, _STRIP_SIZES, _TILES, _TILE_SIZES = 273, 279, 324, 325
_LISTS = {_STRIPS, _STRIP_SIZES, _TILES, _TILE_SIZES}
_UNCOMPRESSED, _JPEG = 1, 7
_PALETTE, _INKS = 3, 5
_DIRECTORIES = {34853, 34665}
MAX_COMPRESSED_BYTES = 200_000_000
"""Of a compressed TIFF; uncompressed pixels cost less a byte."""

MAX_PADDING = 16_000_000
"""Pixels by which the tiles at the right and at the bottom may reach beyond the picture."""

MAX_PAGES = 1000
"""Pages that are counted; a file with more is as useless with their number."""


@dataclass(slots=True)
class Directory:
    """One directory: the values of numeric tags, and the position of each tag's content."""

    values: dict[int, Sequence[int]] = field(default_factory=dict)
    places: dict[int, tuple[int, int]] = field(default_factory=dict)
    used: list[tuple[int, int]] = field(default_factory=list)


def first_directory(data: bytes) -> Directory:
    """The first directory of a TIFF file, whose pixels are displayed; raises SampleError as `read_tiff`."""
    order, big = _flavour(data)
    return _directory(data, order, big, _number(data, order, 8 if big else 4, 8 if big else 4))


def read_tiff(data: bytes) -> Layout:
    """The layout of a TIFF file; raises SampleError if it is truncated, damaged or exceeds a limit."""
    order, big = _flavour(data)
    first = _number(data, order, 8 if big else 4, 8 if big else 4)
    directory = first_directory(data)
    size = [directory.values.get(tag, [0])[0] for tag in (256, 257)]
    if not all(size):
        raise damaged("it has no size")
    bits = directory.values.get(258, [1])
    channels = int(directory.values.get(277, [1])[0])
    places, tiled = pixel_places(data, directory), _TILES in directory.values
    places = places[: part_count(directory)]  # what else is listed shows nothing, and is a gap
    uncompressed = int(directory.values.get(259, [1])[0]) == _UNCOMPRESSED
    row = -(-int(size[0]) * (sum(int(b) for b in bits) or 1) // 8)
    coded = sum(stop - start for start, stop in places)
    if not uncompressed and coded > MAX_COMPRESSED_BYTES:
        raise over_budget(f"more than {MAX_COMPRESSED_BYTES // 1_000_000} MB of compressed pixels")
    surplus = coded - row * int(size[1])
    if uncompressed and surplus < 0:
        raise damaged("its strips are shorter than the picture")
    behind = []
    photometric = int(directory.values.get(262, [1])[0])
    if photometric == _INKS:  # three of them times the fourth are shown, so that they can hold anything
        behind.append(FileFinding("further channels", "pixels", int(size[0]) * int(size[1])))
    if int(directory.values.get(259, [1])[0]) == _JPEG:
        behind += _in_strips(data, directory, places)
    if uncompressed and surplus and not tiled:
        behind.append(FileFinding("bytes after the picture's end", "strips", surplus, places[-1][1] - surplus))
    if (further := channels - _colours(directory)) > 0:
        behind.append(FileFinding("further channels", "pixels", further * int(size[0]) * int(size[1])))
    used = [(0, 16 if big else 8), *directory.used, *places]
    for tag in _DIRECTORIES & set(directory.values):  # named by their tag, so that they are no gap as well
        used += _directory(data, order, big, int(directory.values[tag][0])).used if directory.values[tag][0] else []
    return Layout(
        format="TIFF",
        width=int(size[0]),
        height=int(size[1]),
        bits=int(max(bits)),
        channels=channels,
        pages=_pages(data, order, big, first),
        orientation=_orientation(directory),
        paletted=photometric == _PALETTE,
        findings=(*_tag_findings(directory, channels), *behind, *_gaps(data, used)),
        essential=data,
    )


def _directory(data: bytes, order: str, big: bool, offset: int) -> Directory:
    entry, word = (20, 8) if big else (12, 4)
    count = _number(data, order, offset, 8 if big else 2)
    start = offset + (8 if big else 2)
    check_parts(count, "tags")
    if offset < 8 or start + count * entry + word > len(data):
        raise cut_off()
    found = Directory()
    found.used.append((offset, start + count * entry + word))
    for at in range(start, start + count * entry, entry):
        tag, kind = struct.unpack_from(order + "HH", data, at)
        number = _number(data, order, at + 4, word)
        size = _SIZES.get(kind, 1) * number
        if tag in found.places:
            raise damaged("it has a tag twice")
        place = at + 4 + word
        if size > word:
            place = _number(data, order, place, word)
            if place + size > len(data):
                raise cut_off()
            found.used.append((place, place + size))
        found.places[tag] = (place, size)
        if kind in _NUMBERS and number:
            check_parts(number, "strips") if tag in (_STRIPS, _TILES) else None
            found.values[tag] = (
                np.frombuffer(data, order + _NUMBERS[kind], number, place).tolist() if number < 1 << 18 else [0]
            )
    return found


def pixel_places(data: bytes, directory: Directory) -> list[tuple[int, int]]:
    """Start and end of each strip or tile in the file; raises SampleError if one lies outside of the file."""
    tiled = _TILES in directory.values
    starts = directory.values.get(_TILES if tiled else _STRIPS, [])
    sizes = directory.values.get(_TILE_SIZES if tiled else _STRIP_SIZES, [])
    if not sizes and len(starts) == 1:  # old writers leave the size of a single strip out
        sizes = [len(data) - int(starts[0])]
    if not starts or len(starts) != len(sizes):
        raise damaged("its strips are not listed")
    places = [(int(start), int(start) + int(size)) for start, size in zip(starts, sizes, strict=True)]
    if max(stop for _, stop in places) > len(data):
        raise cut_off()
    return places


def _pages(data: bytes, order: str, big: bool, offset: int) -> int:
    seen: set[int] = set()
    while offset and offset not in seen and len(seen) < MAX_PAGES:
        seen.add(offset)
        count = _number(data, order, offset, 8 if big else 2)
        end = offset + (8 if big else 2) + count * (20 if big else 12)
        if end + (8 if big else 4) > len(data):
            break
        offset = _number(data, order, end, 8 if big else 4)
    return max(len(seen), 1)


def part_count(directory: Directory) -> int:
    """Number of strips or tiles of the picture; raises SampleError if they are implausibly large."""

    def first(tag: int, default: int) -> int:
        return int(directory.values.get(tag, [default])[0])

    width, height = first(256, 0), first(257, 0)
    planes = first(277, 1) if first(284, 1) == 2 else 1
    if _TILES not in directory.values:
        rows = min(first(278, height), height)
        return -(-height // rows) * planes if rows else 0
    columns, rows = first(322, 0), first(323, 0)
    if not columns or not rows:
        return 0
    across, down = -(-width // columns), -(-height // rows)
    if across * columns * down * rows > width * height + MAX_PADDING:
        raise over_budget(f"tiles that reach more than {MAX_PADDING // 1_000_000} million pixels beyond the picture")
    return across * down * planes


def _in_strips(data: bytes, directory: Directory, places: Sequence[tuple[int, int]]) -> list[FileFinding]:
    """Findings in strips that are JPEG files, and in the tables that they share."""
    tables, size = directory.places.get(347, (0, 0))
    found = [] if size <= 4 else _tables(data, tables, tables + size)
    for start, stop in places:
        strip = read_jpeg(data[start:stop])
        moved = (replace(item, offset=item.offset + start) for item in strip.findings if item.kind != "unused tables")
        found += moved
    return found


def _tables(data: bytes, start: int, stop: int) -> list[FileFinding]:
    """Findings for segments other than quantization and Huffman tables."""
    found, at = [], start + 2
    while at + 4 <= stop and data[at] == 0xFF and data[at + 1] != 0xD9:
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] not in (0xDB, 0xC4):
            found.append(FileFinding("application data (tag)", "tag 347", size, at + 4))
        at += 2 + max(size, 2)
    if at + 2 < stop:
        found.append(FileFinding("bytes between the parts of the file", "tag 347", stop - at - 2, at + 2))
    return found


def _tag_findings(directory: Directory, channels: int) -> list[FileFinding]:
    found, parts = [], part_count(directory)
    for tag, (place, size) in directory.places.items():
        if tag == 34853 and size == 0:
            continue
        if tag not in _NEEDED:
            found.append(FileFinding(_KINDS.get(tag, "EXIF"), f"tag {tag}", size, place))
        elif size > (8 * parts if tag in _LISTS else _LARGEST.get(tag, _LARGEST_OF_A_CHANNEL * channels)):
            found.append(FileFinding("application data (tag)", f"tag {tag}", size, place))
        elif tag == 320 and int(directory.values.get(262, [1])[0]) != _PALETTE:
            found.append(FileFinding("suggested palette", f"tag {tag}", size, place))
    if sum(finding.size for finding in found) > MAX_METADATA_BYTES:
        raise over_budget(f"more than {MAX_METADATA_BYTES >> 20} MB besides the pixels")
    return found


def _gaps(data: bytes, used: list[tuple[int, int]]) -> list[FileFinding]:
    """Findings for bytes that belong to no part of the file; a single zero is alignment and does not count."""
    found, reached = [], 0
    for start, stop in [*sorted(used), (len(data), len(data))]:
        if start > reached and data[reached:start] != b"\0":
            kind = "bytes after the picture's end" if start == len(data) else "bytes between the parts of the file"
            found.append(FileFinding(kind, "gap", start - reached, reached))
        reached = max(reached, stop)
    return found


def _colours(directory: Directory) -> int:
    """Number of displayed channels, including alpha."""
    photometric = int(directory.values.get(262, [1])[0])
    alpha = directory.values.get(338, [0])[0] in (1, 2)
    return {2: 3, 5: 4, 6: 3}.get(photometric, 1) + alpha


def _orientation(directory: Directory) -> int:
    value = int(directory.values.get(274, [1])[0])
    return value if 1 <= value <= 8 else 1


def _flavour(data: bytes) -> tuple[str, bool]:
    """Byte order in the notation of `struct`, and whether the file is a BigTIFF."""
    return ("<" if data[:2] == b"II" else ">"), data[2:4] in (b"+\0", b"\0+")


def _number(data: bytes, order: str, offset: int, size: int) -> int:
    if not 0 <= offset <= len(data) - size:
        raise cut_off()
    return int(struct.unpack_from(order + {2: "H", 4: "I", 8: "Q"}[size], data, offset)[0])
