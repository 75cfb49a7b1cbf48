"""What was written into a copy beside its palm, where an engine for palms has nothing to do.

A few levels in the background or on the wrist are seen by nobody and hold a name, a number or a picture; so can a few
pixels. They are looked for where an engine otherwise leaves its surroundings to the bit: there nothing else explains
them. What belongs to the treated palm (a soft edge), what replaces a whole place (another hand, a face), and what
smoothing or sharpening of the surroundings leaves is none of it. Copies that were compressed, or changed
everywhere, are not judged here.

Measured on 36 drawn hands: subject numbers of 1 to 3 levels as text, single pixels, bars, noise, tints and pictures in
the background are found in 28 to 36 of the copies. Of twelve honest engines there (soft edges, smoothed fingers and
backgrounds, JPEG among them) none is accused, nor of six on 32 photographs (JPEG saved again and a soft edge among
them). That takes 0.2 ms for a copy whose surroundings stand as they were, 1 to 6 ms for another, and up to 55 ms where
something was written.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.leakage.sampling import grey
from deidkit.leakage.writing import Writing, writing
from deidkit.protocols import Image, Mask

FAINT, SMALL = 24, 0.02
"""Largest difference, in levels, of what nobody sees; a place that holds a larger one was replaced, unless it is
smaller than this part of the palm and nothing larger was replaced: then it is a sign."""

_APART, _RIM = 7, 0.2
"""Pixels within which changes belong together, and how far from the palm those may be, in parts of its length, that
belong to it: a soft edge is wide."""

_BLOCK = 16
"""Side of the blocks by which it is told whether surroundings were left to the bit."""

_TEXTURE, _LEAST_LEFT, _LEFT = 1.5, 4, 0.1
"""Standard deviation, in levels, of a block that compression would not have left; least number of such blocks that were
left, and least share of all of them."""

_SMOOTHINGS, _MEDIANS, _BILATERAL = (1.0, 2.0, 4.0), (3, 5), (10.0, 25.0)
"""Smoothings whose mixture may explain a change: standard deviations in pixels of Gaussian ones, sides of medians, and
levels up to which a bilateral filter takes pixels for alike."""

MOST_PLACES = 30
"""Most places, apart from one another, of what is written; a picture that was compressed again changes in more."""

_UNIT, _SAVED, _QUALITIES = 16, 96, range(100, 49, -1)
"""Side of what JPEG codes together, side of the part that is saved again to compare, and how."""

_EXPLAINED, _LEAST_EXPLAINED, _ROUNDED = 0.5, 24, 0.25
"""Share of a change that they then explain, least number of pixels by which that can be told, and variance, in levels,
below which what a smoothing takes away counts for little."""


def written_beside(original: Image, copy: Image, palm: Mask | None) -> Writing | None:
    """Small or faint changes of a copy apart from its palm that no smoothing explains.

    Args:
        original: (h, w, 3) uint8.
        copy: (any height, any width, 3) uint8; of another size than the original it is not judged.
        palm: (h, w) bool; None where it is not known: nothing is beside it then.

    Returns:
        What was written; None where it cannot be judged.
    """
    if palm is None or copy.shape != original.shape:
        return None
    difference = cv2.absdiff(original, copy)
    largest = np.asarray(cv2.max(cv2.max(*cv2.split(difference)[:2]), difference[:, :, 2]), np.uint8)
    if not _left_to_the_bit(original, largest, palm):
        return None
    beside = np.asarray(cv2.copyTo(largest, (~palm).astype(np.uint8)), np.uint8)
    far = _far(palm)
    written = _apart(beside, far, SMALL * np.count_nonzero(palm))
    hidden = ~far | ((beside > 0) & ~written)
    if not written.any():
        return writing(original, copy, written, hidden)
    if _scattered(written) or _explained(grey(original), grey(copy), written, beside > 0):
        return None
    return None if _recompressed(original, copy, written) else writing(original, copy, written, hidden)


def _left_to_the_bit(original: Image, largest: NDArray[np.uint8], palm: Mask) -> bool:
    """Whether surroundings that compression would have changed stand as they were."""
    size = max(1, largest.shape[1] // _BLOCK), max(1, largest.shape[0] // _BLOCK)

    def means(plane: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)

    plane = grey(original).astype(np.float32)
    spread = means(plane * plane) - means(plane) ** 2
    textured = (spread > _TEXTURE**2) & (means(palm.astype(np.float32)) == 0)
    left = int(np.count_nonzero(textured & (means((largest > 0).astype(np.float32)) == 0)))
    return left >= max(_LEAST_LEFT, _LEFT * int(np.count_nonzero(textured)))


def _far(palm: Mask) -> Mask:
    """What is so far from the palm that its treatment does not reach it."""
    rows, columns = np.flatnonzero(palm.any(axis=1)), np.flatnonzero(palm.any(axis=0))
    rim = 2 * round(_RIM * max(rows[-1] - rows[0], columns[-1] - columns[0])) + 1
    return np.asarray(cv2.dilate(palm.astype(np.uint8), np.ones((rim, rim), np.uint8)) == 0)


def _apart(beside: NDArray[np.uint8], far: Mask, small: float) -> Mask:
    """Changes that belong neither to the palm nor to a place that was replaced; `small` in pixels."""
    changed = (beside > 0) & far
    together = cv2.dilate(changed.astype(np.uint8), np.ones((_APART, _APART), np.uint8))
    count, places = cv2.connectedComponents(together)
    replaced, sizes = np.zeros(count, bool), np.bincount(places[changed], minlength=count)
    replaced[np.unique(places[changed & (beside > FAINT)])] = True
    if not (replaced & (sizes > small)).any():
        return np.asarray(changed)
    return np.asarray(changed & ~replaced[places])


def _explained(before: NDArray[np.uint8], after: NDArray[np.uint8], written: Mask, changed: Mask) -> bool:
    """Whether a change is what smoothing or sharpening makes of the original there."""
    if np.count_nonzero(written) < _LEAST_EXPLAINED:
        written = changed  # a few pixels tell nothing by themselves
    if np.count_nonzero(written) < _LEAST_EXPLAINED:
        return False
    plane = before.astype(np.float32)
    change = (after.astype(np.float32) - plane)[written]
    smooth = [cv2.GaussianBlur(plane, (0, 0), sigma) for sigma in _SMOOTHINGS]
    smooth += [cv2.medianBlur(before, side).astype(np.float32) for side in _MEDIANS]
    smooth += [cv2.bilateralFilter(plane, 5, levels, 3) for levels in _BILATERAL]
    kinds = np.column_stack([np.subtract(plane, other)[written] for other in smooth])
    kinds -= kinds.mean(axis=0)
    held = kinds.T @ kinds + _ROUNDED * len(change) * np.eye(kinds.shape[1])  # or flat grounds explain anything
    rest = change - kinds @ np.linalg.solve(held, kinds.T @ change)
    return float(rest @ rest) <= (1 - _EXPLAINED) * float(change @ change)


def _scattered(written: Mask) -> bool:
    """Whether changes lie all over the picture, as they do where a JPEG is saved once more as it was."""
    together = cv2.dilate(written.astype(np.uint8), np.ones((_APART, _APART), np.uint8))
    return int(cv2.connectedComponents(together)[0]) - 1 > MOST_PLACES


def _recompressed(original: Image, copy: Image, written: Mask) -> bool:
    """Whether changes, at the first places that have any, are those of saving the original as JPEG."""
    rows, columns = np.nonzero(written)
    top, left = (max(0, int(first) // _UNIT - 1) * _UNIT for first in (rows[0], columns[0]))
    part = slice(top, top + _SAVED), slice(left, left + _SAVED)
    before, after, changed = original[part], copy[part], written[part]
    for quality in _QUALITIES:
        for sampling in (cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444):
            setting = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
            data = cv2.imencode(".jpg", before[:, :, ::-1], setting)[1]
            saved = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
            same = (saved[:, :, ::-1] == after).all(axis=2)
            if np.count_nonzero(same & changed) >= _EXPLAINED * np.count_nonzero(changed):
                return True
    return False
