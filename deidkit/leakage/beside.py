"""Detection of marks that were written into a copy beside its palm, where an engine has no reason to change anything.

A few grey levels in the background or on the wrist are invisible and can hold a name, a number or a picture; so can a
few pixels. Marks are searched only if the engine otherwise leaves the surroundings bit-identical, so that nothing else
explains a change. Changes that are not counted: those connected to the treated palm (a soft edge, a hand treated up to
the palm), large replaced objects (another hand, a face), residues of smoothing or sharpening, changes of a colour
wherever it occurs, and changes that follow JPEG blocks. A compressed copy is compared with its original compressed with
the same settings (`deidkit.leakage.resaved`), if they can be found; a copy changed everywhere is not judged here.

Known misses: marks that touch the treated palm, or lie within 0.2 palm lengths of one with a soft edge; more than 30
separate marks of one level each; whole JPEG blocks changed by a few levels; copies of another size, or compressed twice
or with rare settings. For compressed copies of fewer than five people, or of one picture each, marks count as different
unless they are nearly equal.

Measured on 18 synthetic hands: names in white of any size are found in 13 to 18 of the copies, 60 dots of two levels
and semi-transparent marks in all. On ten photographs: faint and plain names in ten, 60 dots in six; of 24 honest
treatments (skin masks that are filled, smoothed, coarsened, made noisy, with soft edges; conversion between colour
spaces; JPEG with several tables) nine leave specks that look like writing in one to three of ten copies, which
`written_count` does not count. In 36 compressed copies of synthetic hands, numbers of 4 to 25 levels, in one place or
anywhere, are found in all, and nothing in honest ones. Running time: 0.03 s for a copy with unchanged surroundings,
0.01 s for a compressed one, and 0.2 to 0.3 s for a photograph of 0.5 megapixels with marks.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.leakage.resaved import SAMPLINGS, compressed_like, jpeg_round_trip
from deidkit.leakage.sampling import grey, largest_difference
from deidkit.leakage.writing import Writing, writing
from deidkit.protocols import Image, Mask

FAINT, SMALL = 24, 0.02
"""Largest invisible change, in grey levels, and size in parts of the palm. An object with a larger change counts as
replaced, unless it is smaller than this and no larger object was replaced: then it counts as a mark."""

_HARD_SIDES = 2
"""Of nine tiles around a palm, how many may contain changes if the palm was treated with a hard edge."""

_SMALL_BLOCKS, _MOST_BLOCKS, _MOST_MARKS = 0.1, 0.3, 3
"""`SMALL` for compressed copies, in which whole JPEG blocks change; and the changed area in parts of the palm, and the
number of separate places, above which the surroundings were smoothed or replaced before compression."""

_MERGE_WINDOW, _SOFT_RIM, _HARD_RIM = 7, 0.2, 4
"""Side in pixels of the window that joins changes into one place; distance from the palm up to which changes belong to
its treatment: in parts of the palm's length for a soft edge, in pixels for a hard edge."""

_STROKE_WIDTH = 0.18
"""Largest half-width of strokes of writing, in parts of the square root of their area; a disc has 0.56, a bar of five
squares 0.22."""

_BLOCK = 16
"""Side of the blocks in which surroundings are tested for being bit-identical, in pixels."""

_TEXTURE, _LEAST_IDENTICAL, _IDENTICAL = 1.5, 4, 0.1
"""Standard deviation, in grey levels, above which compression would have changed a block; least number, and least
share, of such blocks that must be bit-identical."""

_SMOOTHINGS, _MEDIANS, _BILATERAL = (1.0, 2.0, 4.0), (3, 5), (10.0, 25.0)
"""Smoothing filters whose linear combination may explain a change: standard deviations of Gaussians in pixels, sides
of medians, and grey-level ranges of bilateral filters."""

MOST_PLACES = 30
"""Number of separate places up to which changes count as marks without further tests; recompression changes a picture
in more places than that."""

_UNIT, _SAVED, _QUALITIES = 16, 96, range(100, 49, -1)
"""Side of JPEG's coding unit and of the part that is recompressed for comparison, in pixels; JPEG qualities tried."""

_BLOCKS, _WHOLE_BLOCKS, _FILLED = 0.9, 0.75, 0.45
"""Changes follow the JPEG grid if they touch at most this share of the blocks touched on shifted grids, for many
changes and for few; and the least share of the touched blocks that few changes fill."""

_COLOUR_SHARE, _REPEATED = 0.8, 10
"""Share of the pixels of the affected colours that must be changed for a change by colour, and least number of pixels
that share a colour with another one for this test."""

_EXPLAINED, _LEAST_EXPLAINED, _RIDGE = 0.5, 24, 0.25
"""Share of a change's energy that smoothing filters must explain, least number of pixels for this test, and ridge
parameter in squared grey levels."""


def written_beside(original: Image, copy: Image, palm: Mask) -> Writing | None:
    """Find small or faint changes of a copy beside its palm that no smoothing explains.

    Args:
        original: (h, w, 3) uint8.
        copy: The same.
        palm: (h, w) bool.

    Returns:
        The marks; None if the copy cannot be judged.
    """
    largest = largest_difference(original, copy)
    if not _surroundings_identical(original, largest, palm):
        return _written_before_compression(original, copy, palm)
    beside = np.asarray(cv2.copyTo(largest, (~palm).astype(np.uint8)), np.uint8)
    far = farther_than(palm, _HARD_RIM) if _hard_edged(beside, palm) else _beyond_soft_edge(palm)
    written = _unconnected_changes(beside, far, SMALL * np.count_nonzero(palm))
    hidden = ~far | ((beside > 0) & ~written)
    if not written.any():
        treated = bool((beside[far] > 0).any())
        return replace(writing(original, copy, written, hidden), treated=treated)
    honest = (
        _spread_everywhere(written, beside)
        or _explained_by_smoothing(grey(original), grey(copy), written, beside > 0)
        or _explained_by_colour(original, written, beside > 0, palm)
        or (int(beside[written].max()) <= FAINT and _fill_jpeg_blocks(written))
        or _explained_by_jpeg(original, copy, written)
    )
    if honest:
        if (before := _written_before_compression(original, copy, palm)) is not None:
            return before
        nowhere = np.zeros_like(written)
        return replace(writing(original, copy, nowhere, ~nowhere), treated=True)
    return writing(original, copy, written, hidden)


def _written_before_compression(original: Image, copy: Image, palm: Mask) -> Writing | None:
    """Find marks written into a copy before it was compressed; None if no JPEG setting reproduces its surroundings.

    Against the original compressed with the same settings, whole blocks differ wherever anything was changed.
    """
    far = _beyond_soft_edge(palm)
    expected = compressed_like(original, copy, far)
    if expected is None:
        return None
    largest = largest_difference(expected, copy)
    if not _surroundings_identical(expected, largest, palm):
        return None
    beside = np.where(palm, np.uint8(0), largest)
    written = _unconnected_changes(beside, far, _SMALL_BLOCKS * np.count_nonzero(palm))
    hidden = ~far | ((beside > 0) & ~written)
    together = cv2.dilate(written.astype(np.uint8), np.ones((_UNIT + 1, _UNIT + 1), np.uint8))
    places = int(cv2.connectedComponents(together)[0]) - 1
    if places > _MOST_MARKS or np.count_nonzero(written) > _MOST_BLOCKS * np.count_nonzero(palm):
        written[:], hidden[:] = False, True
    treated = not written.any() and bool((beside[far] > 0).any())
    return replace(writing(expected, copy, written, hidden), treated=treated, compressed=True)


def _surroundings_identical(original: Image, largest: NDArray[np.uint8], palm: Mask) -> bool:
    """Whether textured surroundings, which compression would have changed, are bit-identical."""
    size = max(1, largest.shape[1] // _BLOCK), max(1, largest.shape[0] // _BLOCK)
    plane = grey(original).astype(np.float32)
    planes = cv2.merge([plane * plane, plane, palm.astype(np.float32), (largest > 0).astype(np.float32)])
    means = cv2.resize(planes, size, interpolation=cv2.INTER_AREA)  # one call for four planes takes half the time
    squares, level, treated, changed = np.moveaxis(means.reshape(*size[::-1], 4), 2, 0)
    textured = (squares - level**2 > _TEXTURE**2) & (treated == 0)
    left = int(np.count_nonzero(textured & (changed == 0)))
    return left >= max(_LEAST_IDENTICAL, _IDENTICAL * int(np.count_nonzero(textured)))


def _beyond_soft_edge(palm: Mask) -> Mask:
    """Mask of the pixels that the treatment of a palm with a soft edge does not reach."""
    rows, columns = np.flatnonzero(palm.any(axis=1)), np.flatnonzero(palm.any(axis=0))
    return farther_than(palm, max(_UNIT + 1, round(_SOFT_RIM * max(rows[-1] - rows[0], columns[-1] - columns[0]))))


def farther_than(palm: Mask, pixels: int) -> Mask:
    """Mask of the pixels more than `pixels` from the palm, horizontally or vertically."""
    side = 2 * pixels + 1
    # A box sum takes constant time for any size; dilation does not.
    near = cv2.boxFilter(palm.astype(np.uint8), -1, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(near == 0)


def _hard_edged(beside: NDArray[np.uint8], palm: Mask) -> bool:
    """Whether the treatment ends at the palm's edge: a soft edge or a larger area has changes on most sides."""
    left, top, width, height = cv2.boundingRect(palm.astype(np.uint8))
    rows = slice(max(0, top - _UNIT), top + height + _UNIT), slice(max(0, left - _UNIT), left + width + _UNIT)
    changed = (beside[rows] > 0) & farther_than(palm[rows], _HARD_RIM) & ~farther_than(palm[rows], _UNIT)
    sides = [part for band in np.array_split(changed, 3) for part in np.array_split(band, 3, axis=1)]
    return sum(bool(part.any()) for part in sides) <= _HARD_SIDES


def _unconnected_changes(beside: NDArray[np.uint8], far: Mask, small: float) -> Mask:
    """Mask of changes that belong neither to the palm nor to a replaced object; `small` in pixels."""
    near = (beside > 0) & ~far
    changed = (beside > 0) & far
    if not changed.any():
        return np.asarray(changed)
    together = cv2.dilate(changed.astype(np.uint8), np.ones((_MERGE_WINDOW, _MERGE_WINDOW), np.uint8))
    count, places = cv2.connectedComponents(together)
    replaced, sizes = np.zeros(count, bool), np.bincount(places[changed], minlength=count)
    replaced[np.unique(places[changed & (beside > FAINT)])] = True
    treated = np.zeros(count, bool)  # connected to the palm
    treated[np.unique(places[cv2.dilate(near.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0])] = True
    large = np.flatnonzero(replaced & ~treated & (sizes > small)).tolist()
    strokes = [place for place in large if _is_writing(changed & (places == place))]
    replaced[strokes] = False
    if len(strokes) == len(large) and not (treated & replaced & (sizes > small)).any():
        replaced[:] = False
    return np.asarray(changed & ~(replaced | treated)[places])


def _is_writing(place: Mask) -> bool:
    """Whether a place consists of a few strokes, as letters do, and is not a replaced object."""
    part = np.pad(place, 1).astype(np.uint8)
    widest = float(cv2.distanceTransform(part, cv2.DIST_L2, cv2.DIST_MASK_PRECISE).max())
    few = int(cv2.connectedComponents(part)[0]) - 1 <= MOST_PLACES
    return few and widest <= _STROKE_WIDTH * float(np.sqrt(np.count_nonzero(place)))


def _explained_by_smoothing(before: NDArray[np.uint8], after: NDArray[np.uint8], written: Mask, changed: Mask) -> bool:
    """Whether smoothing or sharpening of the original explains the change."""
    if np.count_nonzero(written) < _LEAST_EXPLAINED:
        written = changed  # too few pixels to test by themselves
    if np.count_nonzero(written) < _LEAST_EXPLAINED:
        return False
    plane = before.astype(np.float32)
    change = (after.astype(np.float32) - plane)[written]
    smooth = [cv2.GaussianBlur(plane, (0, 0), sigma) for sigma in _SMOOTHINGS]
    smooth += [cv2.medianBlur(before, side).astype(np.float32) for side in _MEDIANS]
    smooth += [cv2.bilateralFilter(plane, 5, levels, 3) for levels in _BILATERAL]
    kinds = np.column_stack([np.subtract(plane, other)[written] for other in smooth])
    kinds -= kinds.mean(axis=0)
    held = kinds.T @ kinds + _RIDGE * len(change) * np.eye(kinds.shape[1])  # else flat areas would explain anything
    rest = change - kinds @ np.linalg.solve(held, kinds.T @ change)
    return float(rest @ rest) <= (1 - _EXPLAINED) * float(change @ change)


def _explained_by_colour(original: Image, written: Mask, changed: Mask, palm: Mask) -> bool:
    """Whether a colour was changed wherever it occurs, as by colour-space conversion or a skin mask."""
    parts = original.astype(np.int32)
    codes = (parts[:, :, 0] << 16) | (parts[:, :, 1] << 8) | parts[:, :, 2]
    colours = np.zeros(1 << 24, bool)
    colours[codes[written]] = True
    alike = colours[codes]
    count, left = int(np.count_nonzero(alike & changed)), int(np.count_nonzero(alike & ~changed & ~palm))
    again = count - int(np.count_nonzero(colours))
    return bool(again >= _REPEATED and left <= (1 - _COLOUR_SHARE) * (again + left))


def _spread_everywhere(written: Mask, largest: NDArray[np.uint8]) -> bool:
    """Whether changes are all over the picture, as after recompression, rounding or a skin mask."""
    together = cv2.dilate(written.astype(np.uint8), np.ones((_MERGE_WINDOW, _MERGE_WINDOW), np.uint8))
    if int(cv2.connectedComponents(together)[0]) - 1 <= MOST_PLACES:
        return False
    levels = largest[written]
    faint = np.count_nonzero((levels > 1) & (levels <= FAINT))
    follow = any(_follow_jpeg_grid(written, side, _BLOCKS) for side in (_UNIT // 2, _UNIT))
    return follow or bool(2 * faint < len(levels))


def _touched_blocks(written: Mask, side: int, down: int = 0, right: int = 0) -> int:
    """Number of blocks that changes touch, on a grid shifted by (`down`, `right`) pixels up and left."""
    padded = np.pad(written, ((down, side), (right, side)))
    rows, columns = padded.shape[0] // side, padded.shape[1] // side
    blocks = padded[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return int(np.count_nonzero(blocks.any(axis=(1, 3))))


def _follow_jpeg_grid(written: Mask, side: int, most: float) -> bool:
    """Whether changes touch at most a share `most` of the blocks that they touch on shifted grids."""
    steps = range(0, side, 2)
    others = [_touched_blocks(written, side, down, right) for down in steps for right in steps if down or right]
    return bool(_touched_blocks(written, side) <= most * float(np.mean(others)))


def _fill_jpeg_blocks(written: Mask) -> bool:
    """Whether changes follow the JPEG grid and fill its blocks."""
    side = _UNIT // 2
    filled = int(np.count_nonzero(written)) >= _FILLED * side * side * _touched_blocks(written, side)
    return filled and _follow_jpeg_grid(written, side, _WHOLE_BLOCKS)


def _explained_by_jpeg(original: Image, copy: Image, written: Mask) -> bool:
    """Whether saving the original as JPEG reproduces the changes, tested at the first changed place."""
    rows, columns = np.nonzero(written)
    top, left = (max(0, int(first) // _UNIT - 1) * _UNIT for first in (rows[0], columns[0]))
    part = slice(top, top + _SAVED), slice(left, left + _SAVED)
    before, after, changed = original[part], copy[part], written[part]
    for quality in _QUALITIES:
        for sampling in SAMPLINGS:
            same = (jpeg_round_trip(before, quality, sampling) == after).all(axis=2)
            if np.count_nonzero(same & changed) >= _EXPLAINED * np.count_nonzero(changed):
                return True
    return False
