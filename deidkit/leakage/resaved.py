"""Compression of an original with the settings of its copy, for a bit-exact comparison.

Most programs write JPEG with the same library, whose result depends on quality and subsampling only: an original with
its copy's settings has the copy's pixels wherever nothing was changed. The settings are found on a small part.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from deidkit.protocols import Image, Mask

_QUALITIES = (95, 75, 90, 85, 80, 92, 100, 70, 60, 98, 50, 94, 96, 93, 97, 91, 88, 87, 82, 78, 72, 65, 55)
"""JPEG qualities that are tried, the most common ones first."""

SAMPLINGS = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
"""Chroma subsamplings that are tried, as OpenCV constants."""

_UNIT, _PROBE = 16, 48
"""Side of JPEG's coding unit, and of the parts on which settings are tried, in pixels; the outer half unit depends on
its surroundings."""

_PROBES, _TEXTURED = 2, 2.0
"""Number of parts that are tried, and their least standard deviation in grey levels."""

_MATCHING, _HOPELESS = 0.98, 0.2
"""Share of equal levels with the right settings (wrong ones reach one half); share below which the picture was changed
in another way, so that no other part is tried."""


def compressed_like(original: Image, copy: Image, away: Mask) -> Image | None:
    """Compress an original with the settings of its copy.

    Args:
        original: (h, w, 3) uint8.
        copy: (h, w, 3) uint8.
        away: (h, w) bool, pixels that the treatment of the palm does not reach.

    Returns:
        (h, w, 3) uint8; None if no setting reproduces the copy's surroundings.
    """
    for row, column in _probes(original, away):
        part = slice(row, row + _PROBE), slice(column, column + _PROBE)
        inner = slice(_UNIT // 2, _PROBE - _UNIT // 2)
        seen, best = copy[part][inner, inner], 0.0
        for quality in _QUALITIES:
            for sampling in SAMPLINGS:
                again = jpeg_round_trip(original[part], quality, sampling)[inner, inner]
                best = max(best, float((again == seen).mean()))
                if best >= _MATCHING:
                    return jpeg_round_trip(original, quality, sampling)
        if best < _HOPELESS:
            return None
    return None


def _probes(original: Image, away: Mask) -> Iterator[tuple[int, int]]:
    """Yield corners of the most textured parts, aligned to JPEG's grid, away from the palm."""
    found = []
    for row in range(0, original.shape[0] - _PROBE + 1, _PROBE):
        for column in range(0, original.shape[1] - _PROBE + 1, _PROBE):
            part = slice(row, row + _PROBE), slice(column, column + _PROBE)
            if away[row : row + _PROBE : _UNIT // 2, column : column + _PROBE : _UNIT // 2].all():
                found.append((float(original[part][::2, ::2, 1].std()), row, column))
    found.sort(reverse=True)
    yield from ((row, column) for texture, row, column in found[:_PROBES] if texture >= _TEXTURED)


def jpeg_round_trip(picture: Image, quality: int, sampling: int) -> Image:
    """Compress a picture as JPEG and decode it.

    Args:
        picture: (h, w, 3) uint8.
        quality: 1..100.
        sampling: One of `SAMPLINGS`.
    """
    setting = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    data = cv2.imencode(".jpg", np.ascontiguousarray(picture[:, :, ::-1]), setting)[1]
    return np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[:, :, ::-1])
