"""Detection of data after the last pixel in the coded pixels, which decoders ignore.

It also detects damage: a file that was truncated and padded ends too late.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image as Pillow

from deidkit.images.layouts.record import damaged
from deidkit.images.layouts.simple import gif_codes
from deidkit.images.layouts.webp import shortened

_SPARE_WEBP = 8
"""Trailing bytes that every WebP needs: of 60 pictures of libwebp, at any quality, each needed its last four."""

_SPARE_GIF = 2


def check_webp(essential: bytes) -> None:
    """Raise SampleError if a part of a still WebP decodes without its last bytes."""
    for shorter in shortened(essential, _SPARE_WEBP):
        try:
            Pillow.open(io.BytesIO(shorter), formats=("WEBP",)).load()
        except Exception:  # the expected case; a decoder may raise anything
            continue
        raise damaged("there are bytes behind its pixels")


def check_gif(essential: bytes) -> None:
    """Raise SampleError if a single-frame GIF has invalid, too few or too many codes."""
    from deidkit.images.expanding import gif_length  # compiled when it is needed

    code_size, pixels, coded = gif_codes(essential)
    used = gif_length(np.frombuffer(coded, np.uint8), code_size, pixels) if 1 <= code_size <= 11 else -1
    if used < 0:
        raise damaged("its coded pixels are wrong")
    if len(coded) - used > _SPARE_GIF:
        raise damaged("there are bytes behind its pixels")
