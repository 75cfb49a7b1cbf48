"""What is known of a picture's file from its structure, and how its faults are reported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from deidkit.errors import SampleError

Format = Literal["JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF", "HEIC"]

MAX_PARTS = 50_000
"""Segments, chunks, blocks or strips that a file may consist of; a photograph has fewer than 10,000."""

MAX_METADATA_BYTES = 16 * 1024 * 1024
"""What a file may hold besides the coded pixels."""


@dataclass(frozen=True, slots=True)
class FileFinding:
    """Something in a picture's file that is not needed to decode 8-bit RGB.

    Attributes:
        kind: What it is, e.g. ``EXIF thumbnail``; one of a small set, never content of the file.
        where: The part of the file, e.g. ``APP1 segment``.
        offset: First byte in the file; -1 where it lies between the pixels (alpha, low bytes).
    """

    kind: str
    where: str
    size: int
    offset: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a file is built.

    Attributes:
        format: What the content is, whatever the name says.
        bits: Of one channel.
        channels: As stored, alpha and unused ones included.
        pages: Pictures in the file that its format counts (animation, pages); 1 for a still picture.
        orientation: EXIF orientation, 1..8 (JEITA CP-3451, tag 274).
        paletted: Whether the pixels are numbers of colours in a list.
        findings: What decoding does not need.
        essential: A file with only what decoding needs.
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
"""How the reason begins for a file that is damaged."""


def damaged(what: str) -> SampleError:
    """The error for a file that is not as its format demands; `what` is a clause such as 'a segment has no length'."""
    return SampleError(f"{DAMAGED}{what}")


def cut_off() -> SampleError:
    """The error for a file that ends too early."""
    return damaged("the file is truncated")


def over_budget(what: str) -> SampleError:
    """The error for a file that would cost too much; `what` names the limit."""
    return SampleError(f"over the limit for one picture: {what}")


def check_parts(count: int, what: str) -> None:
    """Raise where a file consists of more than `MAX_PARTS` parts."""
    if count > MAX_PARTS:
        raise over_budget(f"more than {MAX_PARTS} {what}")
