"""Description of marks beside the palm of one copy, and comparison over all copies: a common mark is a watermark."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.leakage.hashing import pixel_hash
from deidkit.leakage.marks import LEAST_AUC, mark_of
from deidkit.protocols import Image, Mask

CELLS = 32
"""Rows and columns of the raster of unobservable areas."""

_MOST_KEPT = 20_000
"""Largest number of pixels stored for comparison; of more, only a hash is stored."""

_PIXEL_TOLERANCE, _LEVEL_TOLERANCE, _STRENGTH_TOLERANCE = 0.1, 0.25, 0.05
"""Shares by which the pixels of equal marks, the changes within them, and the mean change after regression on the
background, may differ: a blended mark is fainter on a background of its own colour."""

_FADED = 0.4
"""Strength relative to the strongest mark below which a blended mark is compared by its mean only."""

_ROUNDING, _ROUNDING_OF_MEAN, _LEAST_COPIES = 0.5, 0.3, 3
"""Rounding error in grey levels, of the sum of three channels and of a mean; least number of copies for a regression on
the background."""


_BLOCK, _CELL = 16, 3
"""Largest displacement, in pixels, of marks of compressed copies at one place, and side of the cells in which they are
compared."""

_CLIPPING, _LEAST_CORRELATION, _DEVIATIONS = 72, 0.92, 3.0
"""For marks of compressed copies: clipping level of the summed change of three channels, since the background limits
stronger ones; least correlation of any two for a common mark (one mark of 5 levels has 0.92 and more at quality 90,
numbers of three digits 0.82 to 0.88); least deviation from permuted identities (numbers reach 4.5 and more, a common
mark 0)."""

_SPECK = 1e-4
"""Share of a copy's pixels up to which a mark is a speck: photographs treated with a rough skin mask reach 0.7e-4, a
number of three digits 5e-4."""


@dataclass(frozen=True, kw_only=True)
class Writing:
    """Marks in a copy with intact surroundings; false if there are none.

    Attributes:
        size: (height, width) of the copy.
        hidden: Unobservable areas, as the bits of (`CELLS`, `CELLS`) bool: the palm and replaced objects.
        box: (top, left, height, width) of the marks.
        digest: SHA-256 of the changes in the box, in hex.
        pixels: Mask of the marked pixels in the box, as compressed bits; empty if there are too many.
        levels: Sum of the three channels' changes of each marked pixel, as compressed int16.
        ground: Mean of the original under the marks, by channel.
        change: Mean change, by channel.
        compressed: Whether the copy was compared with its original compressed alike.
        treated: Whether there are no marks, but residues of a treatment far from the palm.
    """

    size: tuple[int, int]
    hidden: bytes
    box: tuple[int, int, int, int] = (0, 0, 0, 0)
    digest: str = ""
    pixels: bytes = b""
    levels: bytes = b""
    ground: tuple[float, ...] = ()
    change: tuple[float, ...] = ()
    compressed: bool = False
    treated: bool = False

    def __bool__(self) -> bool:
        return bool(self.digest)


def writing(original: Image, copy: Image, written: Mask, hidden: Mask) -> Writing:
    """Describe the marks of a copy.

    Args:
        original: (h, w, 3) uint8.
        copy: (h, w, 3) uint8.
        written: (h, w) bool, marked pixels.
        hidden: (h, w) bool, unobservable pixels.
    """
    size = written.shape[0], written.shape[1]
    bits = np.packbits(_cells(hidden)).tobytes()
    if not written.any():
        return Writing(size=size, hidden=bits)
    left, top, width, height = cv2.boundingRect(written.astype(np.uint8))
    part = slice(top, top + height), slice(left, left + width)
    inside, before = written[part], original[part].astype(np.int16)
    change = np.where(inside[:, :, None], copy[part] - before, 0).astype(np.int16)
    changes, kept = change[inside], int(np.count_nonzero(inside)) <= _MOST_KEPT
    return Writing(
        size=size,
        hidden=bits,
        box=(top, left, height, width),
        digest=pixel_hash(np.ascontiguousarray(change.astype(np.uint8))),
        pixels=zlib.compress(np.packbits(inside).tobytes()) if kept else b"",
        levels=zlib.compress(changes.sum(axis=1, dtype=np.int16).tobytes()) if kept else b"",
        ground=tuple(before[inside].mean(axis=0).tolist()),
        change=tuple(changes.mean(axis=0).tolist()),
    )


def _cells(hidden: Mask) -> Mask:
    """(`CELLS`, `CELLS`) bool: cells with at least one True pixel."""
    rows, columns = (np.arange(length) * CELLS // length for length in hidden.shape)
    tops, lefts = (np.flatnonzero(np.diff(cells, prepend=-1)) for cells in (rows, columns))
    down = np.logical_or.reduceat(hidden, tops, axis=0)
    found = np.zeros((CELLS, CELLS), bool)
    found[np.ix_(rows[tops], columns[lefts])] = np.logical_or.reduceat(down, lefts, axis=1)
    return found


def written_count(copies: Sequence[Writing | None], people: Sequence[int] = ()) -> int:
    """Number of copies with marks that may identify a person.

    0 if all judged copies have the same mark. Specks of a few pixels do not count if at least as many other copies have
    treated or recompressed surroundings: a rough skin mask leaves specks in some copies.

    Args:
        copies: Marks of every copy of its original's size that does not show it; None if not judged.
        people: Identity of each; needed to decide whether marks at one place, in compressed copies, are the same.
    """
    specks = sum(_speck(copy) for copy in copies if copy)
    if specks <= sum(copy is None or copy.treated for copy in copies):
        copies = [None if copy and _speck(copy) else copy for copy in copies]
    judged = [copy for copy in copies if copy is not None]
    written = [copy for copy in judged if copy]
    if not written:
        return 0
    if any(copy.compressed for copy in written):
        owners = [who for who, copy in zip(people, copies, strict=False) if copy]
        everywhere = all(copy or copy.treated for copy in judged)
        return 0 if everywhere and not _differ_by_person(written, owners) else len(written)
    whole = max(written, key=lambda copy: np.count_nonzero(_pixels(copy)))
    if all(_same_mark(whole, copy) for copy in judged) and _of_one_strength(whole, written):
        return 0
    return len(written)


def _differ_by_person(written: Sequence[Writing], people: Sequence[int]) -> bool:
    """Whether marks of compressed copies are at several places, or separate people.

    Compression alters each copy's pixels, so that marks are compared coarsely, and if they differ, by the separation of
    people. If too few people have several copies, differing marks count as different.
    """
    places = [_place(copy, written[0].size) for copy in written]
    boxes = np.array([(*place, *copy.box[2:]) for place, copy in zip(places, written, strict=True)])
    first = boxes[:, :2].min(axis=0)
    if (np.ptp(boxes[:, :2], axis=0) > _BLOCK).any() or (np.ptp(boxes[:, 2:], axis=0) > 2 * _BLOCK).any():
        return True
    down, right = (boxes[:, :2] + boxes[:, 2:]).max(axis=0) - first
    rows = []
    for copy, (top, left) in zip(written, places, strict=True):
        canvas = np.zeros((int(down), int(right)), np.float32)
        levels = _levels(copy) if copy.pixels else np.zeros(copy.box[2:], np.float32)
        levels = np.clip(levels, -_CLIPPING, _CLIPPING)
        canvas[top - first[0] :, left - first[1] :][: levels.shape[0], : levels.shape[1]] = levels
        size = max(1, canvas.shape[1] // _CELL), max(1, canvas.shape[0] // _CELL)
        rows.append(cv2.resize(canvas, size, interpolation=cv2.INTER_AREA).ravel())
    marks = np.asarray(np.stack(rows), np.float32)
    units = marks / np.maximum(np.linalg.norm(marks, axis=1, keepdims=True), 1e-6)
    alike = np.asarray(units @ units.T, np.float32)
    if float(alike.min()) >= _LEAST_CORRELATION:
        return False
    found = mark_of(alike, np.asarray(people, np.int64))
    return found is None or (found.auc >= LEAST_AUC and found.deviations >= _DEVIATIONS)


def _speck(copy: Writing) -> bool:
    """Whether a treatment may have left this: few pixels, or any in a compressed copy, where blocks spread them."""
    return copy.compressed or int(np.count_nonzero(_pixels(copy))) <= _SPECK * copy.size[0] * copy.size[1]


def _pixels(copy: Writing) -> Mask:
    height, width = copy.box[2:]
    if not copy.pixels:
        return np.ones((height, width), bool)
    bits = np.frombuffer(zlib.decompress(copy.pixels), np.uint8)
    return np.unpackbits(bits, count=height * width).reshape(height, width).astype(bool)


def _levels(copy: Writing) -> NDArray[np.float32]:
    pixels = _pixels(copy)
    plane = np.zeros(pixels.shape, np.float32)
    plane[pixels] = np.frombuffer(zlib.decompress(copy.levels), np.int16)
    return plane


def _place(mark: Writing, size: tuple[int, int]) -> tuple[int, int]:
    """Row and column of a mark in a picture of another size, relative to the nearest corner."""
    top, left, height, width = mark.box
    down = size[0] - mark.size[0] if 2 * top + height > mark.size[0] else 0
    right = size[1] - mark.size[1] if 2 * left + width > mark.size[1] else 0
    return top + down, left + right


def _same_mark(whole: Writing, copy: Writing) -> bool:
    """Whether a copy has the observable part of a mark, and nothing else."""
    top, left = _place(whole, copy.size)
    if copy and not (whole.pixels and copy.pixels):
        return whole.digest == copy.digest and (top, left) == copy.box[:2]
    other_top, other_left = copy.box[:2] if copy else (top, left)
    first, start = min(top, other_top), min(left, other_left)
    shape = (
        max(top + whole.box[2], other_top + copy.box[2]) - first,
        max(left + whole.box[3], other_left + copy.box[3]) - start,
    )

    def laid(plane: NDArray[np.float32] | Mask, row: int, column: int) -> NDArray[np.float32]:
        canvas = np.zeros(shape, np.float32)
        canvas[row - first : row - first + plane.shape[0], column - start : column - start + plane.shape[1]] = plane
        return canvas

    mark = laid(_pixels(whole), top, left) > 0
    seen = mark & ~_unobservable(copy, first, start, shape)
    if not copy:
        return not seen.any()
    written = laid(_pixels(copy), other_top, other_left) > 0
    expected = laid(_levels(whole), top, left).astype(np.float64)
    levels = laid(_levels(copy), other_top, other_left).astype(np.float64)
    both = mark & written
    if not both.any():
        return False
    strength = _strength(expected[both], levels[both])
    faded = abs(strength) < _FADED  # the background has nearly the mark's colour, and its texture hides parts
    missing = 0 if faded else np.count_nonzero(seen & ~written)
    if np.count_nonzero(written & ~mark) + missing > _PIXEL_TOLERANCE * np.count_nonzero(written):
        return False
    if faded:
        return True  # `_of_one_strength` compares the means
    rest = min(float((levels - factor * expected)[both].std()) for factor in (1.0, strength))
    return rest <= _LEVEL_TOLERANCE * float(np.sqrt(np.mean(levels[both] ** 2))) + _ROUNDING


def _strength(expected: NDArray[np.float64], levels: NDArray[np.float64]) -> float:
    """Strength of a blended mark on this background; 1 if it both lightens and darkens."""
    mean = float(expected.mean())
    one_sided = abs(mean) >= 0.5 * float(np.sqrt(np.mean(expected**2)))
    return float(levels.mean()) / mean if one_sided else 1.0


def _unobservable(copy: Writing, first: int, start: int, shape: tuple[int, int]) -> Mask:
    """Mask of unobservable pixels, including those outside of the picture."""
    cells = np.unpackbits(np.frombuffer(copy.hidden, np.uint8)).reshape(CELLS, CELLS).astype(bool)
    rows, columns = np.arange(first, first + shape[0]), np.arange(start, start + shape[1])
    inside = ((rows >= 0) & (rows < copy.size[0]))[:, None] & ((columns >= 0) & (columns < copy.size[1]))
    down = np.clip(rows * CELLS // copy.size[0], 0, CELLS - 1)
    right = np.clip(columns * CELLS // copy.size[1], 0, CELLS - 1)
    return np.asarray(cells[np.ix_(down, right)] | ~inside)


def _of_one_strength(whole: Writing, written: Sequence[Writing]) -> bool:
    """Whether the mean change is the same in all copies after regression on the background."""
    complete = [copy for copy in written if copy.box[2:] == whole.box[2:]]
    if len(complete) < _LEAST_COPIES:
        return True
    for channel in range(len(whole.change)):
        change = np.array([copy.change[channel] for copy in complete])
        ground = np.array([copy.ground[channel] for copy in complete])
        ground -= ground.mean()
        slope = float(ground @ change) / max(float(ground @ ground), 1e-9)
        rest = change - change.mean() - slope * ground
        if float(rest.std()) > _ROUNDING_OF_MEAN + _STRENGTH_TOLERANCE * abs(float(change.mean())):
            return False
    return True
