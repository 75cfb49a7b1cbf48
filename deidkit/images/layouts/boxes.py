"""The box structure of JPEG 2000, AVIF and HEIC files (ISO/IEC 14496-12)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deidkit.images.layouts.record import (
    MAX_METADATA_BYTES,
    FileFinding,
    check_parts,
    cut_off,
    damaged,
    over_budget,
)


@dataclass(frozen=True, slots=True)
class Box:
    """One box: its type, start of its header, and range of its content."""

    kind: bytes
    head: int
    start: int
    stop: int

    def finding(self, kind: str = "application data (box)") -> FileFinding:
        """Finding that its content is not needed."""
        return FileFinding(kind, "box", self.stop - self.start, self.start)


def boxes(data: bytes, start: int = 0, stop: int | None = None) -> Iterator[Box]:
    """Yield the boxes of a file, or of a range of it; raises SampleError if one does not fit."""
    position, count, end = start, 0, len(data) if stop is None else stop
    while position < end:
        count += 1
        check_parts(count, "boxes")
        if position + 8 > end:
            raise cut_off()
        size, content = int.from_bytes(data[position : position + 4], "big"), position + 8
        if size == 1:
            size, content = int.from_bytes(data[position + 8 : position + 16], "big"), position + 16
        last = end if size == 0 else position + size
        if last > end:
            raise cut_off()
        if last < content:
            raise damaged("a box is shorter than its header")
        yield Box(data[position + 4 : position + 8], position, content, last)
        position = last


def check_metadata(findings: list[FileFinding]) -> None:
    """Raise if a picture has implausibly much metadata."""
    if sum(finding.size for finding in findings) > MAX_METADATA_BYTES:
        raise over_budget(f"more than {MAX_METADATA_BYTES >> 20} MB besides the pixels")
