"""The original compressed as its copy was, against which a compressed copy is judged to the bit.

Most programs write JPEG by the same library, whose result depends on quality and sampling alone: an original that is
saved as its copy was has the copy's pixels wherever nothing was changed. The setting is found by a small part.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from deidkit.protocols import Image, Mask

_QUALITIES = (95, 75, 90, 85, 80, 92, 100, 70, 60, 98, 50, 94, 96, 93, 97, 91, 88, 87, 82, 78, 72, 65, 55)
"""Those that are tried, the usual ones first."""

SAMPLINGS = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
"""Resolutions of colour, as OpenCV calls them, that are tried."""

_UNIT, _PROBE = 16, 48
"""Side of what JPEG codes together, and of the parts by which the setting is found; their outer half unit depends on
what is beside them."""

_PROBES, _TEXTURED = 2, 2.0
"""How many parts are tried, and standard deviation, in levels, of one that tells settings apart."""

_SAME, _BEGUN = 0.98, 0.2
"""Share of a part's levels that are the copy's in the right setting, where others leave half of them; and below which
the picture was changed otherwise, so that no other part is tried."""


def as_saved(original: Image, copy: Image, away: Mask) -> Image | None:
    """Compress an original as its copy was.

    Args:
        original: (h, w, 3) uint8.
        copy: (h, w, 3) uint8.
        away: (h, w) bool, what is so far from the palm that a treatment does not reach it.

    Returns:
        (h, w, 3) uint8; None where no setting makes the copy's surroundings.
    """
    for row, column in _probes(original, away):
        part = slice(row, row + _PROBE), slice(column, column + _PROBE)
        inner = slice(_UNIT // 2, _PROBE - _UNIT // 2)
        seen, best = copy[part][inner, inner], 0.0
        for quality in _QUALITIES:
            for sampling in SAMPLINGS:
                again = saved(original[part], quality, sampling)[inner, inner]
                best = max(best, float((again == seen).mean()))
                if best >= _SAME:
                    return saved(original, quality, sampling)
        if best < _BEGUN:
            return None
    return None


def _probes(original: Image, away: Mask) -> Iterator[tuple[int, int]]:
    """Corners of the most textured parts, on JPEG's grid, well apart from the palm."""
    found = []
    for row in range(0, original.shape[0] - _PROBE + 1, _PROBE):
        for column in range(0, original.shape[1] - _PROBE + 1, _PROBE):
            part = slice(row, row + _PROBE), slice(column, column + _PROBE)
            if away[row : row + _PROBE : _UNIT // 2, column : column + _PROBE : _UNIT // 2].all():
                found.append((float(original[part][::2, ::2, 1].std()), row, column))
    found.sort(reverse=True)
    yield from ((row, column) for texture, row, column in found[:_PROBES] if texture >= _TEXTURED)


def saved(picture: Image, quality: int, sampling: int) -> Image:
    """A picture saved as JPEG and read again.

    Args:
        picture: (h, w, 3) uint8.
        quality: 1..100.
        sampling: One of `SAMPLINGS`.
    """
    setting = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    data = cv2.imencode(".jpg", np.ascontiguousarray(picture[:, :, ::-1]), setting)[1]
    return np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[:, :, ::-1])
