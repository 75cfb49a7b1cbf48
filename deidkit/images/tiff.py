"""Strict decoding of TIFF pixels: libtiff only prints errors and returns the rest as if it were complete.

Supports the formats of photographs: uncompressed, LZW, Deflate, PackBits and JPEG; grey, palette, RGB, CMYK and YCbCr
only); 1 to 16 bits; strips and tiles, interleaved or in planes (TIFF 6.0 and its technical notes).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from deidkit.errors import SampleError
from deidkit.images.layouts.jpeg import read_jpeg
from deidkit.images.layouts.record import cut_off, damaged
from deidkit.images.layouts.tiff import Directory, first_directory, part_count, pixel_places
from deidkit.images.stored import StoredPixels

_NONE, _LZW, _JPEG, _DEFLATE, _OLD_DEFLATE, _PACKBITS = 1, 5, 7, 8, 32946, 32773
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 1, 2, 3, 5, 6
_COLOURS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4, _YCBCR: 3}
_JPEG_NOISE = 4
_ADOBE = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00"


@dataclass(frozen=True, slots=True)
class _Plan:
    width: int
    height: int
    bits: int
    channels: int
    photometric: int
    compression: int
    predictor: int
    planar: bool
    part: tuple[int, int]
    reversed_bits: bool
    order: str


def tiff_pixels(data: bytes) -> StoredPixels:
    """Decode the first page of a TIFF file.

    Raises:
        SampleError: It is damaged, or its type of pixels is not supported.
    """
    directory = first_directory(data)
    plan = _plan(data, directory)
    rows, columns = plan.part
    across, down = -(-plan.width // columns), -(-plan.height // rows)
    places, expected = pixel_places(data, directory), part_count(directory)
    if len(places) < expected:
        raise damaged("strips are missing")
    tiled = 322 in directory.values
    canvas = (down * rows, across * columns) if tiled else (plan.height, plan.width)
    stored = np.empty((*canvas, plan.channels), np.uint16 if plan.bits == 16 else np.uint8)
    place, size = directory.places.get(347, (0, 0))
    tables = data[place : place + size]
    for number, (start, stop) in enumerate(places[:expected]):
        plane, place = divmod(number, across * down)
        top, left = place // across * rows, place % across * columns
        height = rows if tiled else min(rows, plan.height - top)
        block = _block(data[start:stop], plan, (height, columns), tables)
        channels = slice(plane, plane + 1) if plan.planar else slice(None)
        stored[top : top + height, left : left + columns, channels] = block
    shown = _meaning(stored[: plan.height, : plan.width], plan, directory)
    return replace(shown, beyond=stored) if _shows_beyond(stored, plan) else shown


def _shows_beyond(stored: NDArray[Any], plan: _Plan) -> bool:
    """Whether tiles contain more than padding (zeros, or repeated edge pixels) beyond the picture's edges."""
    right, below = stored[: plan.height, plan.width :], stored[plan.height :]
    edges = (
        (right, stored[: plan.height, plan.width - 1 : plan.width]),
        (below, stored[plan.height - 1 : plan.height]),
    )
    tolerance = _JPEG_NOISE if plan.compression == _JPEG else 0
    for beyond, edge in edges:
        if beyond.size and beyond.any():
            difference = cv2.absdiff(beyond, np.ascontiguousarray(np.broadcast_to(edge, beyond.shape)))
            if difference.mean() > tolerance:
                return True
    return False


def _plan(data: bytes, directory: Directory) -> _Plan:
    def first(tag: int, default: int) -> int:
        return int(directory.values.get(tag, [default])[0])

    width, height = first(256, 0), first(257, 0)
    bits = {int(value) for value in directory.values.get(258, [1])}
    plan = _Plan(
        width=width,
        height=height,
        bits=min(bits),
        channels=first(277, 1),
        photometric=first(262, -1),
        compression=first(259, 1),
        predictor=first(317, 1),
        planar=first(284, 1) == 2,
        part=(first(323, 0), first(322, 0)) if 322 in directory.values else (min(first(278, height), height), width),
        reversed_bits=first(266, 1) == 2,
        order="<" if data[:2] == b"II" else ">",
    )
    if first(339, 1) != 1 or max(bits) > 16:
        raise SampleError(f"its pixels are of {max(bits)} bits or fractions, which have no fixed range to show as RGB")
    known = plan.photometric in _COLOURS and (plan.photometric != _YCBCR or plan.compression == _JPEG)
    if not known or len(bits) > 1 or plan.bits not in (1, 2, 4, 8, 16):
        raise SampleError(f"TIFF pixels of its kind (photometric {plan.photometric}) cannot be read; save it as PNG")
    if plan.compression not in (_NONE, _LZW, _JPEG, _DEFLATE, _OLD_DEFLATE, _PACKBITS) or plan.predictor not in (1, 2):
        raise SampleError(f"its TIFF compression ({plan.compression}) cannot be read; save it as PNG")
    if min(plan.part) < 1 or plan.channels < _COLOURS[plan.photometric] or plan.channels > 16:
        raise damaged("its directory contradicts itself")
    return plan


def _block(coded: bytes, plan: _Plan, size: tuple[int, int], tables: bytes) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """One strip or tile: (height, width, channels)."""
    height, width = size
    channels = 1 if plan.planar else plan.channels
    if plan.compression == _JPEG:
        return _jpeg(coded, plan, (height, width, channels), tables)
    row = -(-width * channels * plan.bits // 8)
    if plan.reversed_bits:
        coded = np.packbits(np.unpackbits(np.frombuffer(coded, np.uint8), bitorder="little")).tobytes()
    raw = np.frombuffer(_expanded(coded, plan.compression, row * height), np.uint8).reshape(height, row)
    values: NDArray[Any]
    if plan.bits == 16:
        values = raw.view(plan.order + "u2").astype(np.uint16).reshape(height, width, channels)
    elif plan.bits == 8:
        values = raw.reshape(height, width, channels)
    else:
        ones = np.unpackbits(raw, axis=1).reshape(height, -1, plan.bits)
        weights = 1 << np.arange(plan.bits - 1, -1, -1, dtype=np.uint8)
        values = (ones * weights).sum(axis=2, dtype=np.uint8)[:, : width * channels].reshape(height, width, channels)
    if plan.predictor == 2:
        values = np.cumsum(values, axis=1, dtype=values.dtype)
    return values


def _expanded(coded: bytes, compression: int, size: int) -> bytes | NDArray[np.uint8]:
    if compression == _NONE:
        if len(coded) < size:
            raise cut_off()
        return coded[:size]
    if compression in (_DEFLATE, _OLD_DEFLATE):
        return _inflated(coded, size)
    from deidkit.images.expanding import expand_lzw, expand_packbits  # compiled when they are needed

    out = np.empty(size, np.uint8)
    expand = expand_packbits if compression == _PACKBITS else expand_lzw
    if expand(np.frombuffer(coded, np.uint8), out) != size:
        raise damaged("its compressed pixels are wrong")
    return out


def _inflated(coded: bytes, size: int) -> bytes:
    inflater = zlib.decompressobj()
    try:
        out = inflater.decompress(coded, size + 1)
    except zlib.error:
        raise damaged("its compressed pixels are wrong") from None
    if len(out) != size:
        raise damaged("its compressed pixels are wrong")
    if len(inflater.unused_data) > 1:
        raise damaged("a strip is longer than its pixels")
    if not inflater.eof:  # the checksum may be unread
        try:
            inflater.decompress(inflater.unconsumed_tail, 1)
        except zlib.error:
            raise damaged("its compressed pixels are wrong") from None
        if not inflater.eof:
            raise cut_off()
    return out


def _jpeg(coded: bytes, plan: _Plan, shape: tuple[int, int, int], tables: bytes) -> NDArray[np.uint8]:
    """Decode a strip that is a JPEG file, whose tables may be in a tag (technical note 2)."""
    from deidkit.images.huffman import is_plausible  # compiled when it is needed

    height, width, channels = shape
    transform = b"\1" if plan.photometric == _YCBCR else b"\0"
    marker = _ADOBE + transform if channels >= 3 else b""
    whole = b"\xff\xd8" + marker + tables[2:-2] + coded[2:]
    kind = {1: "GRAY", 3: "RGB"}.get(channels)
    if kind is None or plan.bits != 8:
        raise SampleError("its TIFF compression (JPEG of four channels) cannot be read; save it as PNG")
    try:
        pixels = simplejpeg.decode_jpeg(whole, kind, strict=True)
    except ValueError:
        raise damaged("its compressed pixels are wrong") from None
    if pixels.shape[:2] != (height, width):
        raise damaged("a strip is not as large as it should be")
    if not is_plausible(read_jpeg(whole).essential):
        raise damaged("its compressed pixels are wrong")
    return np.asarray(pixels, np.uint8)


def _meaning(stored: NDArray[np.uint8] | NDArray[np.uint16], plan: _Plan, directory: Directory) -> StoredPixels:
    largest, colours = (1 << plan.bits) - 1, _COLOURS[plan.photometric]
    if plan.photometric == _WHITE_IS_ZERO:
        stored[:, :, 0] = largest - stored[:, :, 0]
    if plan.photometric == _PALETTE:
        entries = np.asarray(directory.values.get(320, []), np.uint32)
        if entries.size != 3 << plan.bits or plan.bits > 8:
            raise damaged("its palette is missing")
        table = np.asarray(entries.reshape(3, -1).T >> 8, np.uint8)  # as every reader does
        return StoredPixels(table[stored[:, :, 0]], further=stored)
    extra = directory.values.get(338, [0])[0]
    alpha = stored[:, :, colours] if plan.channels > colours and extra in (1, 2) else None
    stated = int(directory.values.get(281, [largest])[0])
    first = colours + (alpha is not None)
    further = stored[:, :, first:] if plan.channels > first else None
    largest = stated if 0 < stated < largest else largest
    if largest == stated and int(stored[:, :, :colours].max()) > largest:
        raise damaged("a value is larger than the largest that its directory states")
    return StoredPixels(stored[:, :, :colours], alpha, extra == 1, largest, further)
