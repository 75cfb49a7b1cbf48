"""What was written into a copy beside its palm, where an engine for palms has nothing to do.

A few levels in the background or on the wrist are seen by nobody and hold a name, a number or a picture; so can a few
pixels. They are looked for where an engine otherwise leaves its surroundings to the bit: there nothing else explains
them. What belongs to the treated palm (a soft edge, a hand treated as far as it joins the palm), what replaces a whole
place (another hand, a face), what smoothing or sharpening leaves, what was done to a colour wherever it stands, and
what follows the blocks of JPEG is none of it. A copy that was compressed is compared with its original compressed alike
(`deidkit.leakage.resaved`), where a setting makes the same pixels; one that was changed everywhere is not judged here.

So these stay unseen: what joins the treatment of the palm, or lies within 0.2 palm lengths of one with a soft edge;
more than 30 places of one level each; whole blocks of JPEG in a few levels; copies of another size, or compressed twice
or by rare settings. Compressed copies of fewer than five people, or of one picture each, are held to bear several marks
unless they are nearly equal.

Measured on 18 drawn hands: names in white of any size are found in 13 to 18 of the copies, 60 dots of two levels and
marks of which the ground shows through in all. On ten photographs, faint and plain names in ten, 60 dots in six; of 24
honest treatments there (masks of skin that are filled, smoothed, coarsened, made noisy, with soft edges; conversion
between colour spaces; JPEG of several tables) nine leave specks that look like writing in one to three of ten copies,
which `written_count` does not count. In 36 compressed copies of drawn hands, numbers of 4 to 25 levels, at one place or
anywhere, are found in all, and nothing in honest ones. It takes 0.03 s for a copy whose surroundings stand, 0.01 s for
a compressed one, and 0.2 to 0.3 s where something was written into a photograph of 0.5 megapixels.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.leakage.resaved import SAMPLINGS, as_saved, saved
from deidkit.leakage.sampling import grey, largest_difference
from deidkit.leakage.writing import Writing, writing
from deidkit.protocols import Image, Mask

FAINT, SMALL = 24, 0.02
"""Largest difference, in levels, of what nobody sees; a place that holds a larger one was replaced, unless it is
smaller than this part of the palm and nothing larger was replaced: then it is a sign."""

_HARD_SIDES = 2
"""Most of nine parts of a palm's surroundings in which anything is changed next to a palm with a hard edge."""

_SMALL_BLOCKS, _MOST_BLOCKS, _MOST_MARKS = 0.1, 0.3, 3
"""The same part where whole blocks of JPEG bear the sign; and the part, and the number of places a block apart, from
which what differs was smoothed or replaced before it was compressed."""

_APART, _RIM, _NEXT = 7, 0.2, 4
"""Pixels within which changes belong together; how far from the palm those may be, in parts of its length, that belong
to it: a soft edge is wide; and the same, in pixels, where it has a hard edge."""

_STROKES = 0.18
"""Half the width of the lines of writing, at most, in parts of the root of their area; that of a disc is 0.56, of a
band of five squares 0.22."""

_BLOCK = 16
"""Side of the blocks by which it is told whether surroundings were left to the bit."""

_TEXTURE, _LEAST_LEFT, _LEFT = 1.5, 4, 0.1
"""Standard deviation, in levels, of a block that compression would not have left; least number of such blocks that were
left, and least share of all of them."""

_SMOOTHINGS, _MEDIANS, _BILATERAL = (1.0, 2.0, 4.0), (3, 5), (10.0, 25.0)
"""Smoothings whose mixture may explain a change: standard deviations in pixels of Gaussian ones, sides of medians, and
levels up to which a bilateral filter takes pixels for alike."""

MOST_PLACES = 30
"""Most places, apart from one another, of what is written whatever it looks like; more are judged with care, since a
picture that was compressed again changes in so many."""

_UNIT, _SAVED, _QUALITIES = 16, 96, range(100, 49, -1)
"""Side of what JPEG codes together, side of the part that is saved again to compare, and how."""

_BLOCKS, _WHOLE_BLOCKS, _FILLED = 0.9, 0.75, 0.45
"""Part of other blocks that changes touch at most which follow those of JPEG, where there are many, and few; part of
those that few fill at least."""

_OF_COLOUR, _REPEATED = 0.8, 10
"""Share of the pixels that have one of the changed colours which is changed where a colour was treated, and not a
place; and how many must have the colour of another to tell."""

_EXPLAINED, _LEAST_EXPLAINED, _ROUNDED = 0.5, 24, 0.25
"""Share of a change that they then explain, least number of pixels by which that can be told, and variance, in levels,
below which what a smoothing takes away counts for little."""


def written_beside(original: Image, copy: Image, palm: Mask) -> Writing | None:
    """Small or faint changes of a copy apart from its palm that no smoothing explains.

    Args:
        original: (h, w, 3) uint8.
        copy: The same.
        palm: (h, w) bool.

    Returns:
        What was written; None where it cannot be judged.
    """
    largest = largest_difference(original, copy)
    if not _left_to_the_bit(original, largest, palm):
        return _written_before_saving(original, copy, palm)
    beside = np.asarray(cv2.copyTo(largest, (~palm).astype(np.uint8)), np.uint8)
    far = _away(palm, _NEXT) if _hard_edged(beside, palm) else _far(palm)
    written = _apart(beside, far, SMALL * np.count_nonzero(palm))
    hidden = ~far | ((beside > 0) & ~written)
    if not written.any():
        treated = bool((beside[far] > 0).any())
        return replace(writing(original, copy, written, hidden), treated=treated)
    honest = (
        _scattered(written, beside)
        or _explained(grey(original), grey(copy), written, beside > 0)
        or _told_by_colour(original, written, beside > 0, palm)
        or (int(beside[written].max()) <= FAINT and _fill_blocks(written))
        or _recompressed(original, copy, written)
    )
    if honest:
        if (before := _written_before_saving(original, copy, palm)) is not None:
            return before
        nowhere = np.zeros_like(written)
        return replace(writing(original, copy, nowhere, ~nowhere), treated=True)
    return writing(original, copy, written, hidden)


def _written_before_saving(original: Image, copy: Image, palm: Mask) -> Writing | None:
    """What was written into a copy before it was compressed; None where no setting of JPEG makes its surroundings.

    Compared with the original compressed alike, whole blocks differ where anything was changed.
    """
    far = _far(palm)
    expected = as_saved(original, copy, far)
    if expected is None:
        return None
    largest = largest_difference(expected, copy)
    if not _left_to_the_bit(expected, largest, palm):
        return None
    beside = np.where(palm, np.uint8(0), largest)
    written = _apart(beside, far, _SMALL_BLOCKS * np.count_nonzero(palm))
    hidden = ~far | ((beside > 0) & ~written)
    together = cv2.dilate(written.astype(np.uint8), np.ones((_UNIT + 1, _UNIT + 1), np.uint8))
    places = int(cv2.connectedComponents(together)[0]) - 1
    if places > _MOST_MARKS or np.count_nonzero(written) > _MOST_BLOCKS * np.count_nonzero(palm):
        written[:], hidden[:] = False, True
    treated = not written.any() and bool((beside[far] > 0).any())
    return replace(writing(expected, copy, written, hidden), treated=treated, compressed=True)


def _left_to_the_bit(original: Image, largest: NDArray[np.uint8], palm: Mask) -> bool:
    """Whether surroundings that compression would have changed stand as they were."""
    size = max(1, largest.shape[1] // _BLOCK), max(1, largest.shape[0] // _BLOCK)
    plane = grey(original).astype(np.float32)
    planes = cv2.merge([plane * plane, plane, palm.astype(np.float32), (largest > 0).astype(np.float32)])
    means = cv2.resize(planes, size, interpolation=cv2.INTER_AREA)  # of four planes at once: in half of the time
    squares, level, treated, changed = np.moveaxis(means.reshape(*size[::-1], 4), 2, 0)
    textured = (squares - level**2 > _TEXTURE**2) & (treated == 0)
    left = int(np.count_nonzero(textured & (changed == 0)))
    return left >= max(_LEAST_LEFT, _LEFT * int(np.count_nonzero(textured)))


def _far(palm: Mask) -> Mask:
    """What is so far from the palm that its treatment does not reach it."""
    rows, columns = np.flatnonzero(palm.any(axis=1)), np.flatnonzero(palm.any(axis=0))
    return _away(palm, max(_UNIT + 1, round(_RIM * max(rows[-1] - rows[0], columns[-1] - columns[0]))))


def _away(palm: Mask, pixels: int) -> Mask:
    """What is more than so many pixels from the palm, across or down."""
    side = 2 * pixels + 1
    # Sums take the same time for a square of any size, which dilating does not.
    near = cv2.boxFilter(palm.astype(np.uint8), -1, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(near == 0)


def _hard_edged(beside: NDArray[np.uint8], palm: Mask) -> bool:
    """Whether a treatment ends at the palm: a soft edge, or a larger place, shows on most of its sides."""
    left, top, width, height = cv2.boundingRect(palm.astype(np.uint8))
    rows = slice(max(0, top - _UNIT), top + height + _UNIT), slice(max(0, left - _UNIT), left + width + _UNIT)
    changed = (beside[rows] > 0) & _away(palm[rows], _NEXT) & ~_away(palm[rows], _UNIT)
    sides = [part for band in np.array_split(changed, 3) for part in np.array_split(band, 3, axis=1)]
    return sum(bool(part.any()) for part in sides) <= _HARD_SIDES


def _apart(beside: NDArray[np.uint8], far: Mask, small: float) -> Mask:
    """Changes that belong neither to the palm nor to a place that was replaced; `small` in pixels."""
    near = (beside > 0) & ~far
    changed = (beside > 0) & far
    if not changed.any():
        return np.asarray(changed)
    together = cv2.dilate(changed.astype(np.uint8), np.ones((_APART, _APART), np.uint8))
    count, places = cv2.connectedComponents(together)
    replaced, sizes = np.zeros(count, bool), np.bincount(places[changed], minlength=count)
    replaced[np.unique(places[changed & (beside > FAINT)])] = True
    treated = np.zeros(count, bool)  # with the palm
    treated[np.unique(places[cv2.dilate(near.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0])] = True
    large = np.flatnonzero(replaced & ~treated & (sizes > small)).tolist()
    strokes = [place for place in large if _strokes(changed & (places == place))]
    replaced[strokes] = False
    if len(strokes) == len(large) and not (treated & replaced & (sizes > small)).any():
        replaced[:] = False
    return np.asarray(changed & ~(replaced | treated)[places])


def _strokes(place: Mask) -> bool:
    """Whether a place is a few lines, as letters are, and no whole thing that was replaced."""
    part = np.pad(place, 1).astype(np.uint8)
    widest = float(cv2.distanceTransform(part, cv2.DIST_L2, cv2.DIST_MASK_PRECISE).max())
    few = int(cv2.connectedComponents(part)[0]) - 1 <= MOST_PLACES
    return few and widest <= _STROKES * float(np.sqrt(np.count_nonzero(place)))


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


def _told_by_colour(original: Image, written: Mask, changed: Mask, palm: Mask) -> bool:
    """Whether a colour was changed wherever it stands, as conversions between colour spaces and masks of skin do."""
    parts = original.astype(np.int32)
    codes = (parts[:, :, 0] << 16) | (parts[:, :, 1] << 8) | parts[:, :, 2]
    colours = np.zeros(1 << 24, bool)
    colours[codes[written]] = True
    alike = colours[codes]
    count, left = int(np.count_nonzero(alike & changed)), int(np.count_nonzero(alike & ~changed & ~palm))
    again = count - int(np.count_nonzero(colours))
    return bool(again >= _REPEATED and left <= (1 - _OF_COLOUR) * (again + left))


def _scattered(written: Mask, largest: NDArray[np.uint8]) -> bool:
    """Whether changes lie all over the picture as they do where it was compressed again, rounded, or taken for skin."""
    together = cv2.dilate(written.astype(np.uint8), np.ones((_APART, _APART), np.uint8))
    if int(cv2.connectedComponents(together)[0]) - 1 <= MOST_PLACES:
        return False
    levels = largest[written]
    faint = np.count_nonzero((levels > 1) & (levels <= FAINT))
    follow = any(_follow_blocks(written, side, _BLOCKS) for side in (_UNIT // 2, _UNIT))
    return follow or bool(2 * faint < len(levels))


def _blocks(written: Mask, side: int, down: int = 0, right: int = 0) -> int:
    """How many blocks changes touch, where these are laid so many pixels further up and to the left."""
    padded = np.pad(written, ((down, side), (right, side)))
    rows, columns = padded.shape[0] // side, padded.shape[1] // side
    blocks = padded[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return int(np.count_nonzero(blocks.any(axis=(1, 3))))


def _follow_blocks(written: Mask, side: int, most: float) -> bool:
    """Whether changes touch at most this part of the blocks of JPEG, compared with blocks laid elsewhere."""
    steps = range(0, side, 2)
    others = [_blocks(written, side, down, right) for down in steps for right in steps if down or right]
    return bool(_blocks(written, side) <= most * float(np.mean(others)))


def _fill_blocks(written: Mask) -> bool:
    """Whether changes follow the blocks of JPEG and fill them."""
    side = _UNIT // 2
    filled = int(np.count_nonzero(written)) >= _FILLED * side * side * _blocks(written, side)
    return filled and _follow_blocks(written, side, _WHOLE_BLOCKS)


def _recompressed(original: Image, copy: Image, written: Mask) -> bool:
    """Whether changes, at the first places that have any, are those of saving the original as JPEG."""
    rows, columns = np.nonzero(written)
    top, left = (max(0, int(first) // _UNIT - 1) * _UNIT for first in (rows[0], columns[0]))
    part = slice(top, top + _SAVED), slice(left, left + _SAVED)
    before, after, changed = original[part], copy[part], written[part]
    for quality in _QUALITIES:
        for sampling in SAMPLINGS:
            same = (saved(before, quality, sampling) == after).all(axis=2)
            if np.count_nonzero(same & changed) >= _EXPLAINED * np.count_nonzero(changed):
                return True
    return False
