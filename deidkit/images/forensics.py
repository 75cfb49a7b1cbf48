"""Detection of content of a picture's file other than 8-bit RGB, by an allow-list that needs no names of carriers.

A metadata library is not used: it reads the tags that it knows, and hidden content is elsewhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidkit.errors import SampleError
from deidkit.images.decoding import inks, stored_pixels, with_alpha
from deidkit.images.files import MAX_PIXELS
from deidkit.images.layouts import FileFinding, Layout, layout_of
from deidkit.images.layouts.png import trailing_bytes
from deidkit.images.palettes import paletted
from deidkit.images.reading import decode_image
from deidkit.images.tiff import tiff_pixels
from deidkit.protocols import Image

MAX_HIDDEN = 16
"""Largest number of hidden pictures extracted from one file."""

_STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF", b"II*\0", b"MM\0*", b"GIF8", b"BM")
_SEARCHED = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")


def file_findings(data: bytes) -> list[FileFinding]:
    """Find all content of a file that is not needed to decode 8-bit RGB.

    All content that the format's structure does not need is found: EXIF with position and thumbnail, XMP, IPTC,
    comments and texts, colour profiles, application data, suggested palettes, unused tables, private tags, bytes
    between the parts of the file, between its rows and after its end, low bytes of 16-bit values, further channels,
    non-constant alpha, inks, tiles beyond the picture, and duplicate colours in a palette. Not found is content of the
    pixels themselves, or behind the last of them in the coded pixels of a format that does not mark their end (AVIF,
    HEIC).

    Returns:
        The findings in the order of the file; none for a file as deidkit writes it.

    Raises:
        SampleError: The file cannot be read as a picture.
    """
    layout = layout_of(data, MAX_PIXELS)
    found = list(layout.findings)
    if layout.format == "PNG" and (behind := trailing_bytes(layout.essential)):
        found.append(FileFinding("bytes after the picture's end", "in the compressed pixels", behind))
    if layout.bits > 8:
        size = layout.width * layout.height * layout.channels
        found.append(FileFinding("more than 8 bits", "low bytes of the pixels", size))
    if layout.format == "TIFF" and tiff_pixels(layout.essential).beyond is not None:
        found.append(FileFinding("pixels beyond the edges", "tiles", layout.width * layout.height))
    numbers = paletted(layout)
    if numbers is not None and numbers.repeats:
        found.append(FileFinding("equal colours in the palette", "pixels", numbers.numbers.size))
    return found + _alpha_findings(layout)


def hidden_pictures(data: bytes) -> list[Image]:
    """Extract every picture that a file contains besides the visible one.

    Thumbnails, pictures in application data or after the end, alpha planes, colours under transparency, and low bytes
    of 16-bit values: input of the leak detector.

    Returns:
        (height, width, 3) uint8 RGB each, as stored; at most `MAX_HIDDEN`. They may be read-only views and not
        contiguous. What cannot be decoded is omitted; `file_findings` reports it anyway.

    Raises:
        SampleError: The file cannot be read as a picture.
    """
    layout = layout_of(data, MAX_PIXELS)
    hidden: list[Image] = []
    for start in _starts(data, layout):
        try:
            hidden.append(decode_image(data[start:]))
        except SampleError:
            continue
        if len(hidden) == MAX_HIDDEN:
            return hidden
    return hidden + _planes(layout)


def _starts(data: bytes, layout: Layout) -> list[int]:
    """Possible starts of pictures in the rest of the file."""
    found: set[int] = set()
    for finding in layout.findings:
        if finding.offset < 0:
            continue
        end = min(finding.offset + finding.size, len(data))
        if data.startswith(_STARTS, finding.offset):
            found.add(finding.offset)
        for mark in _SEARCHED:
            at = data.find(mark, finding.offset, end)
            while at >= 0 and len(found) < 4 * MAX_HIDDEN:
                found.add(at)
                at = data.find(mark, at + 1, end)
    return sorted(found)


def _alpha_findings(layout: Layout) -> list[FileFinding]:
    if layout.bits > 8:  # low bytes and an alpha channel are findings already
        return (
            [FileFinding("alpha", "alpha channel", 0)] if layout.channels in (2, 4) and layout.format == "PNG" else []
        )
    if layout.format in ("JPEG", "PPM"):
        return []
    lowest, highest, hidden, colours = 255, 0, 0, np.empty((0, 3), np.uint8)
    for strip in with_alpha(layout):
        plane = strip[:, :, 3]
        lowest, highest = min(lowest, int(plane.min())), max(highest, int(plane.max()))
        under = strip[plane == 0][:, :3]
        hidden += under.size
        if under.size:
            colours = np.vstack([colours, under.min(axis=0), under.max(axis=0)])
    found = [FileFinding("alpha", "alpha channel", layout.width * layout.height)] if lowest < highest else []
    if hidden and (colours != colours[0]).any():
        found.append(FileFinding("colours under transparency", "pixels", hidden))
    return found


def _planes(layout: Layout) -> list[Image]:
    """Pictures interleaved with the pixels of the visible one."""
    if layout.format == "BMP" and layout.channels == 4:
        start = int.from_bytes(layout.essential[10:14], "little")
        pixels = np.frombuffer(layout.essential, np.uint8, layout.height * layout.width * 4, start)
        return [_rgb(pixels.reshape(layout.height, layout.width, 4)[::-1, :, 3:])]
    numbers = paletted(layout)
    if numbers is not None:
        return [_rgb(plane[:, :, None]) for plane in numbers.planes()]
    stored = stored_pixels(layout) if layout.format == "TIFF" or layout.bits > 8 else None
    if stored is not None:
        planes: list[NDArray[Any]] = [stored.colours[:, :, :3] & 255] if layout.bits > 8 else []
        if stored.alpha is not None:
            planes += [stored.alpha[:, :, None] & 255, stored.alpha[:, :, None] >> max(layout.bits - 8, 0)]
            planes += [stored.colours[:, :, :3]] if layout.bits == 8 else []
        if stored.further is not None:
            planes += [
                stored.further[:, :, at : at + 1] >> max(layout.bits - 8, 0) for at in range(stored.further.shape[2])
            ]
        if stored.colours.shape[2] == 4:
            planes += _of_inks(stored.colours >> max(layout.bits - 8, 0))
        if stored.beyond is not None:
            planes += [stored.beyond[:, :, : 3 if stored.beyond.shape[2] >= 3 else 1] >> max(layout.bits - 8, 0)]
        return [_rgb(plane.astype(np.uint8)) for plane in planes]
    if layout.format == "JPEG":
        return [_rgb(plane) for plane in _of_inks(inks(layout))] if layout.channels == 4 else []
    strips = list(with_alpha(layout))
    if not strips:
        return []
    return [np.vstack([strip[:, :, :3] for strip in strips]), _rgb(np.vstack([strip[:, :, 3:] for strip in strips]))]


def _of_inks(stored: NDArray[Any]) -> list[NDArray[Any]]:
    """CMY without black, and black."""
    return [stored[:, :, :3], stored[:, :, 3:]]


def _rgb(plane: Image) -> Image:
    """RGB view of one plane: copies of each plane of a large picture would take a gigabyte."""
    return np.broadcast_to(plane, (*plane.shape[:2], 3))
