"""Whether coded pixels hold more than the picture: decoders stop at the last pixel and ignore what follows.

The same shows damage: a file that was cut and filled up again ends too late.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image as Pillow

from deidkit.images.layouts.record import damaged
from deidkit.images.layouts.simple import gif_codes
from deidkit.images.layouts.webp import shortened

_SPARE_WEBP = 8
"""Bytes without which no WebP can be decoded: of 60 pictures of libwebp, at any quality, each needed its last four."""

_SPARE_GIF = 2


def check_webp(essential: bytes) -> None:
    """Raise SampleError where a part of a still WebP can do without its last bytes."""
    for shorter in shortened(essential, _SPARE_WEBP):
        try:
            Pillow.open(io.BytesIO(shorter), formats=("WEBP",)).load()
        except Exception:  # as it should be; a decoder may raise anything
            continue
        raise damaged("there are bytes behind its pixels")


def check_gif(essential: bytes) -> None:
    """Raise SampleError where the codes of a GIF of one frame are wrong, too few or too many."""
    from deidkit.images.expanding import gif_length  # compiled when it is needed

    code_size, pixels, coded = gif_codes(essential)
    used = gif_length(np.frombuffer(coded, np.uint8), code_size, pixels) if 1 <= code_size <= 11 else -1
    if used < 0:
        raise damaged("its coded pixels are wrong")
    if len(coded) - used > _SPARE_GIF:
        raise damaged("there are bytes behind its pixels")
