"""EXIF (JEITA CP-3451): orientation, position and thumbnail, parsed from the bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from deidkit.images.layouts.record import FileFinding

_ORIENTATION, _GPS, _THUMBNAIL, _THUMBNAIL_SIZE = 274, 34853, 513, 514
_ENTRIES = 1000
"""Largest number of entries read per directory; cameras write fewer than 100."""


@dataclass(frozen=True, slots=True)
class Exif:
    """The relevant content of an EXIF block."""

    orientation: int = 1
    findings: tuple[FileFinding, ...] = ()


def read_exif(data: bytes, start: int, size: int, where: str) -> Exif:
    """Read an EXIF block.

    An unreadable block is a finding, too; it does not invalidate the pixels.

    Args:
        data: The file.
        start: Where the block's TIFF header begins in it.
        size: Bytes of the block from there.
        where: The part of the file, for the findings.
    """
    found = [FileFinding("EXIF", where, size, start)]
    block = data[start : start + size]
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        return Exif(1, tuple(found))
    first = dict(_entries(block, order, _number(block, order, 4)))
    if dict(_entries(block, order, first.get(_GPS, 0))):
        found.append(FileFinding("GPS position", where, 0, start))
    second = dict(_entries(block, order, _following(block, order, _number(block, order, 4))))
    if _THUMBNAIL in second:
        length = min(second.get(_THUMBNAIL_SIZE, 0), size)
        found.append(FileFinding("EXIF thumbnail", where, length, start + second[_THUMBNAIL]))
    orientation = first.get(_ORIENTATION, 1)
    return Exif(orientation if 1 <= orientation <= 8 else 1, tuple(found))


def _entries(block: bytes, order: str, offset: int) -> Iterator[tuple[int, int]]:
    """Yield tag and first value of each directory entry; the offset for values stored elsewhere."""
    if not 8 <= offset <= len(block) - 2:
        return
    (count,) = struct.unpack_from(order + "H", block, offset)
    for position in range(offset + 2, offset + 2 + 12 * min(count, _ENTRIES), 12):
        if position + 12 > len(block):
            return
        tag, kind = struct.unpack_from(order + "HH", block, position)
        (value,) = struct.unpack_from(order + ("H" if kind == 3 else "I"), block, position + 8)
        yield tag, value


def _following(block: bytes, order: str, offset: int) -> int:
    if not 8 <= offset <= len(block) - 2:
        return 0
    (count,) = struct.unpack_from(order + "H", block, offset)
    return _number(block, order, offset + 2 + 12 * count)


def _number(block: bytes, order: str, offset: int) -> int:
    return int(struct.unpack_from(order + "I", block, offset)[0]) if offset + 4 <= len(block) else 0
