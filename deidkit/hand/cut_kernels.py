"""Compiled minimum cut of a picture's pixels into two parts. Importing this module imports numba.

A tree of pixels grows from each side. Where they meet, as much flows as the path bears, and pixels that lost their way
to a side look for another: Boykov and Kolmogorov, "An experimental comparison of min-cut/max-flow algorithms for energy
minimization in vision", IEEE Trans. PAMI 26(9):1124, 2004.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidkit.compiling import compiled

Trees = NDArray[np.int32]
"""(n, 5): of each pixel the direction to its parent; 1 in the second side's tree, else 0, kept when it leaves it; how
many pixels it is from the side; the round in which that was known; 1 while it is in the queue."""

Queue = NDArray[np.int32]
"""(n + 2,): pixels whose neighbours are to be looked at, in a ring; where it begins and how many there are."""

_PARENT, _SECOND, _DISTANCE, _KNOWN, _WAITING = range(5)

_FREE, _ROOT, _ORPHAN = -1, 8, 9
"""What stands for the direction to a parent where there is none, where it is the side, and where it was lost."""

_FAR = 1 << 30


def second_part(sides: NDArray[np.float64], links: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Cut a picture in two where the sum of the ties that are cut is least.

    Args:
        sides: (h, w) what ties each pixel to the first side, negative to the second.
        links: (h, w, 8) what ties it to the neighbours above left, above, above right, left, right, below left ...,
            the same in both directions, 0 or more; 0 to those beyond the border.

    Returns:
        (h, w) bool: what is of the second side.
    """
    height, width = sides.shape
    # So many rows further above and below are neighbours of pixels at the border.
    ours, tied = np.zeros((height + 3, width)), np.zeros((height + 3, width, 8))
    ours[1:-2], tied[1:-2] = sides, links
    trees = np.zeros((ours.size, 5), np.int32)
    steps = np.array([-width - 1, -width, -width + 1, -1, 1, width - 1, width, width + 1])
    _saturate(ours.reshape(-1), tied.reshape(-1, 8), steps, trees)
    return np.asarray(trees[:, _SECOND].reshape(ours.shape)[1:-2] > 0)


@compiled
def _saturate(sides: NDArray[np.float64], links: NDArray[np.float64], steps: NDArray[np.int64], trees: Trees) -> None:
    """Let flow what can."""
    queue = np.zeros(len(sides) + 2, np.int32)
    orphans = np.zeros(len(sides), np.int32)
    for pixel in range(len(sides)):
        trees[pixel, _PARENT] = _FREE
        if sides[pixel] != 0:
            trees[pixel, _PARENT], trees[pixel, _DISTANCE] = _ROOT, 1
            trees[pixel, _SECOND] = sides[pixel] < 0
            _enqueue(pixel, trees, queue)
    turn = 0
    while queue[-1] > 0:
        pixel = queue[queue[-2]]
        direction = _meeting(pixel, links, steps, trees, queue)
        if direction < 0:
            trees[pixel, _WAITING] = 0
            queue[-2] = queue[-2] + 1 if queue[-2] + 3 < len(queue) else 0
            queue[-1] -= 1
            continue
        turn += 1
        one, other, way = pixel, pixel + steps[direction], direction
        if trees[pixel, _SECOND]:
            one, other, way = other, pixel, 7 - direction
        lost = _augment((one, other, way), sides, links, steps, trees, orphans)
        while lost > 0:
            pixel = orphans[lost - 1]
            if _adopted(pixel, turn, links, steps, trees):
                lost -= 1
            else:
                lost = _set_free(pixel, links, steps, trees, queue, orphans, lost - 1)


@compiled
def _enqueue(pixel: int, trees: Trees, queue: Queue) -> None:
    if trees[pixel, _WAITING] == 0:
        trees[pixel, _WAITING] = 1
        place, size = queue[-2] + queue[-1], len(queue) - 2
        queue[place if place < size else place - size] = pixel
        queue[-1] += 1


@compiled
def _meeting(pixel: int, links: NDArray[np.float64], steps: NDArray[np.int64], trees: Trees, queue: Queue) -> int:
    """Take free neighbours into a pixel's tree; the direction to one of the other tree, -1 where there is none."""
    if trees[pixel, _PARENT] == _FREE:
        return -1
    second, further, known = trees[pixel, _SECOND], trees[pixel, _DISTANCE] + 1, trees[pixel, _KNOWN]
    for direction in range(8):
        other = pixel + steps[direction]
        if (links[other, 7 - direction] if second else links[pixel, direction]) <= 0:
            continue
        if trees[other, _PARENT] == _FREE:
            trees[other, _PARENT], trees[other, _SECOND] = 7 - direction, second
            trees[other, _DISTANCE], trees[other, _KNOWN] = further, known
            _enqueue(other, trees, queue)
        elif trees[other, _SECOND] != second:
            return direction
        elif trees[other, _DISTANCE] > further and trees[other, _KNOWN] <= known:
            trees[other, _PARENT] = 7 - direction  # a shorter way
            trees[other, _DISTANCE], trees[other, _KNOWN] = further, known
    return -1


@compiled
def _augment(
    bridge: tuple[int, int, int],
    sides: NDArray[np.float64],
    links: NDArray[np.float64],
    steps: NDArray[np.int64],
    trees: Trees,
    orphans: NDArray[np.int32],
) -> int:
    """Let flow what the path bears that leads from one pixel to its neighbour of the other tree in a direction.

    Returns:
        How many pixels lost their parents; they are in `orphans`.
    """
    one, other, way = bridge
    most, at, up = links[one, way], one, trees[one, _PARENT]
    while up != _ROOT:
        at += steps[up]
        most = min(most, links[at, 7 - up])
        up = trees[at, _PARENT]
    most = min(most, sides[at])
    at, up = other, trees[other, _PARENT]
    while up != _ROOT:
        most = min(most, links[at, up])
        at += steps[up]
        up = trees[at, _PARENT]
    most = min(most, -sides[at])
    links[one, way] -= most
    links[other, 7 - way] += most
    lost, at, up = 0, one, trees[one, _PARENT]
    while up != _ROOT:
        before = at + steps[up]
        links[before, 7 - up] -= most
        links[at, up] += most
        if links[before, 7 - up] <= 0:
            trees[at, _PARENT], orphans[lost], lost = _ORPHAN, at, lost + 1
        at, up = before, trees[before, _PARENT]
    sides[at] -= most
    if sides[at] <= 0:
        trees[at, _PARENT], orphans[lost], lost = _ORPHAN, at, lost + 1
    at, up = other, trees[other, _PARENT]
    while up != _ROOT:
        after = at + steps[up]
        links[at, up] -= most
        links[after, 7 - up] += most
        if links[at, up] <= 0:
            trees[at, _PARENT], orphans[lost], lost = _ORPHAN, at, lost + 1
        at, up = after, trees[after, _PARENT]
    sides[at] += most
    if sides[at] >= 0:
        trees[at, _PARENT], orphans[lost], lost = _ORPHAN, at, lost + 1
    return lost


@compiled
def _adopted(pixel: int, turn: int, links: NDArray[np.float64], steps: NDArray[np.int64], trees: Trees) -> bool:
    """Whether an orphan finds another parent of its tree."""
    second, best, nearest = trees[pixel, _SECOND], -1, _FAR
    for direction in range(8):
        other = pixel + steps[direction]
        if trees[other, _PARENT] == _FREE or trees[other, _SECOND] != second:
            continue
        if (links[pixel, direction] if second else links[other, 7 - direction]) > 0:
            far = _to_side(other, turn, steps, trees)
            if far < nearest:
                best, nearest = direction, far
    if best < 0:
        return False
    trees[pixel, _PARENT], trees[pixel, _DISTANCE], trees[pixel, _KNOWN] = best, nearest + 1, turn
    return True


@compiled
def _set_free(
    pixel: int,
    links: NDArray[np.float64],
    steps: NDArray[np.int64],
    trees: Trees,
    queue: Queue,
    orphans: NDArray[np.int32],
    lost: int,
) -> int:
    """Take an orphan out of its tree; the number of orphans that there are now."""
    second = trees[pixel, _SECOND]
    trees[pixel, _PARENT] = _FREE
    for direction in range(8):
        other = pixel + steps[direction]
        if trees[other, _PARENT] == _FREE or trees[other, _SECOND] != second:
            continue
        if (links[pixel, direction] if second else links[other, 7 - direction]) > 0:
            _enqueue(other, trees, queue)
        if trees[other, _PARENT] == 7 - direction:
            trees[other, _PARENT], orphans[lost], lost = _ORPHAN, other, lost + 1
    return lost


@compiled
def _to_side(pixel: int, turn: int, steps: NDArray[np.int64], trees: Trees) -> int:
    """Pixels on the way to the side, noted along it; `_FAR` where the way ends in an orphan."""
    at, before = pixel, 0
    while trees[at, _KNOWN] != turn and trees[at, _PARENT] < _ROOT:
        at += steps[trees[at, _PARENT]]
        before += 1
    if trees[at, _KNOWN] != turn:
        if trees[at, _PARENT] != _ROOT:
            return _FAR
        trees[at, _KNOWN], trees[at, _DISTANCE] = turn, 1
    far = before + trees[at, _DISTANCE]
    at, rest = pixel, far
    while trees[at, _KNOWN] != turn:
        trees[at, _KNOWN], trees[at, _DISTANCE] = turn, rest
        at += steps[trees[at, _PARENT]]
        rest -= 1
    return int(far)
