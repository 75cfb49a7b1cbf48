"""Result of parsing a file's structure, and errors for its faults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from deidkit.errors import SampleError

Format = Literal["JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF", "HEIC"]

MAX_PARTS = 50_000
"""Largest number of segments, chunks, blocks or strips; a photograph has fewer than 10,000."""

MAX_METADATA_BYTES = 16 * 1024 * 1024
"""Largest size of a file's content besides the coded pixels."""


@dataclass(frozen=True, slots=True)
class FileFinding:
    """Content of a picture's file that is not needed to decode 8-bit RGB.

    Attributes:
        kind: Kind of content, e.g. ``EXIF thumbnail``; one of a small set, never content of the file.
        where: The part of the file, e.g. ``APP1 segment``.
        offset: First byte in the file; -1 if it is interleaved with the pixels (alpha, low bytes).
    """

    kind: str
    where: str
    size: int
    offset: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Structure of a file.

    Attributes:
        format: Format of the content, whatever the name says.
        bits: Bits per channel.
        channels: Stored channels, including alpha and unused ones.
        pages: Number of pictures by the format's own count (animation, pages); 1 for a still picture.
        orientation: EXIF orientation, 1..8 (JEITA CP-3451, tag 274).
        paletted: Whether the pixels are palette indices.
        findings: Content that decoding does not need.
        essential: The file reduced to what decoding needs.
    """

    format: Format
    width: int
    height: int
    bits: int = 8
    channels: int = 3
    pages: int = 1
    orientation: int = 1
    paletted: bool = False
    findings: tuple[FileFinding, ...] = ()
    essential: bytes = b""


DAMAGED = "damaged: "
"""Prefix of the reason for a damaged file."""


def damaged(what: str) -> SampleError:
    """Error for a file that violates its format; `what` is a clause such as 'a segment has no length'."""
    return SampleError(f"{DAMAGED}{what}")


def cut_off() -> SampleError:
    """Error for a truncated file."""
    return damaged("the file is truncated")


def over_budget(what: str) -> SampleError:
    """Error for a file that is too expensive to decode; `what` names the limit."""
    return SampleError(f"over the limit for one picture: {what}")


def check_parts(count: int, what: str) -> None:
    """Raise if a file has more than `MAX_PARTS` parts."""
    if count > MAX_PARTS:
        raise over_budget(f"more than {MAX_PARTS} {what}")
