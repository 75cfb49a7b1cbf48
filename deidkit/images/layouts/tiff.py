"""TIFF files (TIFF 6.0, and BigTIFF): the first directory, its pixels, and every byte that belongs to neither."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

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
    301, 317, 318, 319, 320, 322, 323, 324, 325, 338, 339, 347, 529, 530, 531, 532,
}  # fmt: skip
"""Tags that say how the pixels are stored; all others are about the picture, or another's."""

_KINDS = {
    330: "further page", 700: "XMP", 33723: "IPTC", 34377: "Photoshop data", 34675: "colour profile",
    34853: "GPS position",
}  # fmt: skip
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_NUMBERS = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}
_STRIPS, _STRIP_SIZES, _TILES, _TILE_SIZES = 273, 279, 324, 325
_UNCOMPRESSED = 1
_DIRECTORIES = {34853, 34665}
MAX_COMPRESSED_BYTES = 200_000_000
"""Of a compressed TIFF; uncompressed pixels cost less a byte."""

MAX_PAGES = 1000
"""Pages that are counted; a file with more is as useless with their number."""


@dataclass(slots=True)
class Directory:
    """One directory: values of tags that hold numbers, where each tag's content is, and the next directory."""

    values: dict[int, Sequence[int]] = field(default_factory=dict)
    places: dict[int, tuple[int, int]] = field(default_factory=dict)
    used: list[tuple[int, int]] = field(default_factory=list)
    following: int = 0


def first_directory(data: bytes) -> Directory:
    """The first directory of a TIFF file, whose pixels are shown; raises SampleError as `read_tiff`."""
    order, big = _flavour(data)
    return _directory(data, order, big, _number(data, order, 8 if big else 4, 8 if big else 4))


def read_tiff(data: bytes) -> Layout:
    """The layout of a TIFF file; raises SampleError where it is truncated, damaged or over a limit."""
    order, big = _flavour(data)
    first = _number(data, order, 8 if big else 4, 8 if big else 4)
    directory = first_directory(data)
    size = [directory.values.get(tag, [0])[0] for tag in (256, 257)]
    if not all(size):
        raise damaged("it has no size")
    bits = directory.values.get(258, [1])
    channels = int(directory.values.get(277, [1])[0])
    places, tiled = pixel_places(data, directory), _TILES in directory.values
    uncompressed = int(directory.values.get(259, [1])[0]) == _UNCOMPRESSED
    row = -(-int(size[0]) * (sum(int(b) for b in bits) or 1) // 8)
    coded = sum(stop - start for start, stop in places)
    if not uncompressed and coded > MAX_COMPRESSED_BYTES:
        raise over_budget(f"more than {MAX_COMPRESSED_BYTES // 1_000_000} MB of compressed pixels")
    surplus = coded - row * int(size[1])
    if uncompressed and surplus < 0:
        raise damaged("its strips are shorter than the picture")
    behind = []
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
        findings=(*_beside(directory), *behind, *_gaps(data, used)),
        essential=data,
    )


def _directory(data: bytes, order: str, big: bool, offset: int) -> Directory:
    entry, word = (20, 8) if big else (12, 4)
    count = _number(data, order, offset, 8 if big else 2)
    start = offset + (8 if big else 2)
    check_parts(count, "tags")
    if offset < 8 or start + count * entry + word > len(data):
        raise cut_off()
    found = Directory(following=_number(data, order, start + count * entry, word))
    found.used.append((offset, start + count * entry + word))
    for at in range(start, start + count * entry, entry):
        tag, kind = struct.unpack_from(order + "HH", data, at)
        number = _number(data, order, at + 4, word)
        size = _SIZES.get(kind, 1) * number
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
    """Where each strip or tile begins and ends in the file; raises SampleError where they are not all in it."""
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


def _beside(directory: Directory) -> list[FileFinding]:
    found = []
    for tag, (place, size) in directory.places.items():
        if tag == 34853 and size == 0:
            continue
        if tag not in _NEEDED:
            found.append(FileFinding(_KINDS.get(tag, "EXIF"), f"tag {tag}", size, place))
    if sum(finding.size for finding in found) > MAX_METADATA_BYTES:
        raise over_budget(f"more than {MAX_METADATA_BYTES >> 20} MB beside the pixels")
    return found


def _gaps(data: bytes, used: list[tuple[int, int]]) -> list[FileFinding]:
    """Bytes that belong to nothing. One zero that aligns what follows is none."""
    found, reached = [], 0
    for start, stop in [*sorted(used), (len(data), len(data))]:
        if start > reached and data[reached:start] != b"\0":
            kind = "bytes after the picture's end" if start == len(data) else "bytes between the parts of the file"
            found.append(FileFinding(kind, "gap", start - reached, reached))
        reached = max(reached, stop)
    return found


def _colours(directory: Directory) -> int:
    """Channels that are shown, alpha among them."""
    photometric = int(directory.values.get(262, [1])[0])
    alpha = directory.values.get(338, [0])[0] in (1, 2)
    return {2: 3, 5: 4, 6: 3}.get(photometric, 1) + alpha


def _orientation(directory: Directory) -> int:
    value = int(directory.values.get(274, [1])[0])
    return value if 1 <= value <= 8 else 1


def _flavour(data: bytes) -> tuple[str, bool]:
    """Order of bytes, for `struct`, and whether it is a BigTIFF."""
    return ("<" if data[:2] == b"II" else ">"), data[2:4] in (b"+\0", b"\0+")


def _number(data: bytes, order: str, offset: int, size: int) -> int:
    if not 0 <= offset <= len(data) - size:
        raise cut_off()
    return int(struct.unpack_from(order + {2: "H", 4: "I", 8: "Q"}[size], data, offset)[0])
