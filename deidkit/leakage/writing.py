"""What stands beside the palm of one copy, and whether all copies bear the same: then it is its maker's mark."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from deidkit.leakage.hashing import pixel_hash
from deidkit.leakage.marks import TOLD_APART, told_apart
from deidkit.protocols import Image, Mask

CELLS = 32
"""Rows and columns of the raster in which it is kept where nothing could be found."""

_MOST_KEPT = 20_000
"""Most pixels that are compared one by one; of more, only a hash is kept."""

_OTHER_PIXELS, _OTHER_LEVELS, _OTHER_STRENGTH = 0.1, 0.25, 0.05
"""Shares by which two marks, the changes within them, and their mean from what the ground explains, may differ: a
blended mark is fainter on a ground of its own colour."""

_FADED = 0.4
"""Strength, in parts of the strongest, below which a blended mark is compared by its mean alone."""

_ROUNDED, _ROUNDED_MEAN, _FEWEST = 0.5, 0.3, 3
"""Levels that may come from rounding, in the sum of three channels and in a mean; fewest copies that show how a mark
depends on the ground."""


_BLOCK, _CELL = 16, 3
"""Pixels by which marks of compressed copies may lie apart and be at one place, and of the cells by which those are
compared."""

_MOST_LEVELS, _ALIKE, _DEVIATIONS = 72, 0.92, 3.0
"""Change, in the sum of three channels, at which marks of compressed copies are cut off, for of a stronger one it is
the ground that decides what is left; least correlation of any two at which all are one mark: one mark of 5 levels has
0.92 and more at quality 90, numbers of three digits 0.82 to 0.88; deviations from which people are told apart by
them: numbers reach 4.5 and more, one mark for all 0."""

_SPECK = 1e-4
"""Part of a copy's pixels up to which what was written is a speck: of photographs treated by a rough mask of skin up to
0.7e-4, a number of three digits 5e-4."""


@dataclass(frozen=True, kw_only=True)
class Writing:
    """What was written into a copy whose surroundings were judged; nothing where it has no pixels.

    Attributes:
        size: (height, width) of the copy.
        hidden: Where nothing can be found, as the bits of (`CELLS`, `CELLS`) bool: the palm and what was replaced.
        box: (top, left, height, width) of what was written.
        digest: SHA-256 of the changes in the box, in hex.
        pixels: Which of the box were written, as compressed bits; empty where there are too many.
        levels: Sum of the three channels' changes of each of them, as compressed int16.
        ground: Mean of the original there, by channel.
        change: Mean change, by channel.
        compressed: Whether the copy was judged against its original compressed alike.
        treated: Whether nothing was written, and what was changed far from the palm is what a treatment leaves.
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
    """Describe what was written.

    Args:
        original: (h, w, 3) uint8.
        copy: (h, w, 3) uint8.
        written: (h, w) bool.
        hidden: (h, w) bool, where nothing can be found.
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
    """(`CELLS`, `CELLS`) bool: the cells that hold a pixel that is True."""
    rows, columns = (np.arange(length) * CELLS // length for length in hidden.shape)
    tops, lefts = (np.flatnonzero(np.diff(cells, prepend=-1)) for cells in (rows, columns))
    down = np.logical_or.reduceat(hidden, tops, axis=0)
    found = np.zeros((CELLS, CELLS), bool)
    found[np.ix_(rows[tops], columns[lefts])] = np.logical_or.reduceat(down, lefts, axis=1)
    return found


def written_count(copies: Sequence[Writing | None], people: Sequence[int] = ()) -> int:
    """How many copies bear what can name a person.

    None where all that were judged bear one mark. Specks of a few pixels do not count where the surroundings of as many
    others were treated, or saved again: a rough mask of skin leaves them in some copies.

    Args:
        copies: Of every copy of its original's size that does not show it; None where it could not be judged.
        people: Whose they are; by them alone it is told whether marks at one place, in compressed copies, are one.
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
        return 0 if everywhere and not _of_people(written, owners) else len(written)
    whole = max(written, key=lambda copy: np.count_nonzero(_pixels(copy)))
    if all(_same_mark(whole, copy) for copy in judged) and _of_one_strength(whole, written):
        return 0
    return len(written)


def _of_people(written: Sequence[Writing], people: Sequence[int]) -> bool:
    """Whether marks of compressed copies lie at several places, or tell people apart.

    Compression makes each copy's pixels its own, so that they are compared coarsely, and by people where they differ.
    Where too few people have several, marks that differ are several.
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
        levels = np.clip(levels, -_MOST_LEVELS, _MOST_LEVELS)
        canvas[top - first[0] :, left - first[1] :][: levels.shape[0], : levels.shape[1]] = levels
        size = max(1, canvas.shape[1] // _CELL), max(1, canvas.shape[0] // _CELL)
        rows.append(cv2.resize(canvas, size, interpolation=cv2.INTER_AREA).ravel())
    marks = np.asarray(np.stack(rows), np.float32)
    units = marks / np.maximum(np.linalg.norm(marks, axis=1, keepdims=True), 1e-6)
    alike = np.asarray(units @ units.T, np.float32)
    if float(alike.min()) >= _ALIKE:
        return False
    found = told_apart(alike, np.asarray(people, np.int64))
    return found is None or (found.told_apart >= TOLD_APART and found.deviations >= _DEVIATIONS)


def _speck(copy: Writing) -> bool:
    """Whether this may be left by a treatment: a few pixels, or in a compressed copy, whose blocks spread it, any."""
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
    """Row and column of a mark in a picture of another size, as far from the nearest corner."""
    top, left, height, width = mark.box
    down = size[0] - mark.size[0] if 2 * top + height > mark.size[0] else 0
    right = size[1] - mark.size[1] if 2 * left + width > mark.size[1] else 0
    return top + down, left + right


def _same_mark(whole: Writing, copy: Writing) -> bool:
    """Whether a copy bears all of a mark that can be seen in it, and nothing else."""
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
    seen = mark & ~_hidden(copy, first, start, shape)
    if not copy:
        return not seen.any()
    written = laid(_pixels(copy), other_top, other_left) > 0
    expected = laid(_levels(whole), top, left).astype(np.float64)
    levels = laid(_levels(copy), other_top, other_left).astype(np.float64)
    both = mark & written
    if not both.any():
        return False
    strength = _strength(expected[both], levels[both])
    faded = abs(strength) < _FADED  # the ground has nearly the mark's colour, and its texture hides parts
    missing = 0 if faded else np.count_nonzero(seen & ~written)
    if np.count_nonzero(written & ~mark) + missing > _OTHER_PIXELS * np.count_nonzero(written):
        return False
    if faded:
        return True  # whether the ground explains it, `_of_one_strength` tells
    rest = min(float((levels - factor * expected)[both].std()) for factor in (1.0, strength))
    return rest <= _OTHER_LEVELS * float(np.sqrt(np.mean(levels[both] ** 2))) + _ROUNDED


def _strength(expected: NDArray[np.float64], levels: NDArray[np.float64]) -> float:
    """How strong a blended mark is on this ground; 1 where it both lightens and darkens."""
    mean = float(expected.mean())
    one_sided = abs(mean) >= 0.5 * float(np.sqrt(np.mean(expected**2)))
    return float(levels.mean()) / mean if one_sided else 1.0


def _hidden(copy: Writing, first: int, start: int, shape: tuple[int, int]) -> Mask:
    """Where nothing could be found, outside of the picture too."""
    cells = np.unpackbits(np.frombuffer(copy.hidden, np.uint8)).reshape(CELLS, CELLS).astype(bool)
    rows, columns = np.arange(first, first + shape[0]), np.arange(start, start + shape[1])
    inside = ((rows >= 0) & (rows < copy.size[0]))[:, None] & ((columns >= 0) & (columns < copy.size[1]))
    down = np.clip(rows * CELLS // copy.size[0], 0, CELLS - 1)
    right = np.clip(columns * CELLS // copy.size[1], 0, CELLS - 1)
    return np.asarray(cells[np.ix_(down, right)] | ~inside)


def _of_one_strength(whole: Writing, written: Sequence[Writing]) -> bool:
    """Whether the mean change is the same in all copies but for what the ground beneath makes of it."""
    complete = [copy for copy in written if copy.box[2:] == whole.box[2:]]
    if len(complete) < _FEWEST:
        return True
    for channel in range(len(whole.change)):
        change = np.array([copy.change[channel] for copy in complete])
        ground = np.array([copy.ground[channel] for copy in complete])
        ground -= ground.mean()
        slope = float(ground @ change) / max(float(ground @ ground), 1e-9)
        rest = change - change.mean() - slope * ground
        if float(rest.std()) > _ROUNDED_MEAN + _OTHER_STRENGTH * abs(float(change.mean())):
            return False
    return True
