"""Strict decompression for TIFF and GIF, rejecting every invalid code. Importing this module imports numba."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidkit.compiling import compiled


@compiled
def expand_packbits(coded: NDArray[np.uint8], out: NDArray[np.uint8]) -> int:
    """Decompress a PackBits strip (TIFF 6.0, section 9); returns the number of pixels, -1 for an invalid code."""
    at, reached = 0, 0
    while at < len(coded) and reached < len(out):
        code = int(coded[at])
        at += 1
        if code < 128:
            if at + code + 1 > len(coded) or reached + code + 1 > len(out):
                return -1
            out[reached : reached + code + 1] = coded[at : at + code + 1]
            at, reached = at + code + 1, reached + code + 1
        elif code > 128:
            if at >= len(coded) or reached + 257 - code > len(out):
                return -1
            out[reached : reached + 257 - code] = coded[at]
            at, reached = at + 1, reached + 257 - code
    return reached if at >= len(coded) - 1 else -1  # one byte may align the strip


@compiled
def expand_lzw(coded: NDArray[np.uint8], out: NDArray[np.uint8]) -> int:
    """LZW (TIFF 6.0, section 13); as `expand_packbits`. A strip may end without its end code once it is complete."""
    starts, lengths = np.zeros(4096, np.int64), np.zeros(4096, np.int64)
    width, following, previous, reached = 9, 258, -1, 0
    held, bits, at = 0, 0, 0
    while True:
        while bits < width:
            if at >= len(coded):
                return reached if reached == len(out) else -1
            held, bits, at = ((held << 8) | int(coded[at])) & 0xFFFFFF, bits + 8, at + 1
        bits -= width
        code = (held >> bits) & ((1 << width) - 1)
        if code == 257:
            return reached if at >= len(coded) - 1 else -1
        if code == 256:
            width, following, previous = 9, 258, -1
            continue
        if code > following or (code >= 256 and previous < 0) or (code == following and following > 4095):
            return -1
        source, length = 0, 1
        if code == following:  # the previous string plus its first byte
            source, length = previous, reached - previous + 1
        elif code > 257:
            source, length = int(starts[code]), int(lengths[code])
        if reached + length > len(out):
            return -1
        if code < 256:
            out[reached] = code
        else:
            for step in range(length):
                out[reached + step] = out[source + step]
        if previous >= 0 and following < 4096:
            starts[following], lengths[following] = previous, reached - previous + 1
            following += 1
            if following == (1 << width) - 1 and width < 12:
                width += 1
        previous, reached = reached, reached + length


@compiled
def gif_length(coded: NDArray[np.uint8], code_size: int, pixels: int) -> int:
    """Follow the LZW codes of a GIF (GIF89a, appendix F).

    Args:
        coded: The bytes of all blocks of a frame.
        code_size: The smallest, as the frame states.
        pixels: Of the frame.

    Returns:
        How many bytes were read; -1 where a code is wrong, or pixels are too few or too many.
    """
    clear = 1 << code_size
    lengths = np.ones(4096, np.int64)
    width, following, previous, reached = code_size + 1, clear + 2, -1, 0
    held, bits, at = 0, 0, 0
    while True:
        while bits < width:
            if at >= len(coded):
                return at if reached == pixels else -1
            held, bits, at = held | (int(coded[at]) << bits), bits + 8, at + 1
        code = held & ((1 << width) - 1)
        held, bits = held >> width, bits - width
        if code == clear + 1:
            return at if reached == pixels else -1
        if code == clear:
            width, following, previous = code_size + 1, clear + 2, -1
            continue
        if code > following or (code == following and following > 4095) or (previous < 0 and code > clear):
            return -1
        if previous >= 0 and following < 4096:
            lengths[following] = lengths[previous] + 1
            following += 1
            if following == 1 << width and width < 12:
                width += 1
        reached += lengths[code]
        if reached > pixels:
            return -1
        previous = code
