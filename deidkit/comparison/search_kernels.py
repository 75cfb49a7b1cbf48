"""Compiled kernels of the identification search."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidkit.comparison.pair_kernels import copy
from deidkit.compiling import compiled


@compiled
def own_distances(
    scores: NDArray[np.floating],
    offset: int,
    skip_itself: bool,
    own: NDArray[np.int64],
    probe_sources: NDArray[np.int32],
    sources: NDArray[np.int32],
    found: NDArray[np.float64],
) -> None:
    """Update the smallest distance of each probe to its own identity, under both gallery policies.

    Args:
        scores: (p, r) distances.
        offset: Index of the first reference minus that of the first probe.
        skip_itself: Whether probes are references, too.
        own: (2, p) first and behind the last reference of each probe's identity, counted from the block's first.
        probe_sources: (p,) sources.
        sources: (r,) sources.
        found: (2, p) with the own source and without, updated.
    """
    rows, columns = scores.shape
    for row in range(rows):
        for column in range(max(own[0, row], 0), min(own[1, row], columns)):
            if skip_itself and column == row - offset:
                continue
            score = np.float64(scores[row, column])
            found[0, row] = min(found[0, row], score)
            if sources[column] != probe_sources[row]:
                found[1, row] = min(found[1, row], score)


@compiled
def count_up_to(line: NDArray[Any], limit: float) -> np.int32:
    """Number of scores that do not exceed a limit."""
    count = np.int32(0)
    for column in range(len(line)):
        count += np.int32(line[column] <= limit)
    return count


@compiled
def rank_probes(
    scores: NDArray[np.floating],
    corner: tuple[int, int],
    after_own: bool,
    own: NDArray[np.int64],
    ends: NDArray[np.int64],
    open_runs: NDArray[np.float64],
    wanted: NDArray[np.floating],
    better: NDArray[np.int32],
    ties: NDArray[np.int32],
) -> None:
    """Count for each probe the other identities of a block that are closer than its own, and ties.

    Args:
        scores: (p, r) distances.
        corner: Numbers of the block's first probe and of its first reference.
        after_own: Whether only identities that come after the probe's own count.
        own: (2, probes) first and behind the last reference of each probe's identity.
        ends: (references,) the reference behind the last of each one's identity.
        open_runs: (p,) smallest distance to the identity that the block before has left unfinished, else infinity, as
            where none is as close as the own identity; updated.
        wanted: (2, probes) distance to the own identity under each policy; minus infinity where there is none. Floats
            of the same kind as the distances: comparing them takes half the time where that is the narrower one; int32
            and -1 for steps.
        better: (2, probes) updated.
        ties: (2, probes) updated.
    """
    rows, columns = scores.shape
    top, left = corner
    for row in range(rows):
        line, probe = scores[row], top + row
        with_source, without_source = wanted[0, probe], wanted[1, probe]
        first, behind = own[0, probe] - left, own[1, probe] - left
        column = min(max(behind, 0), columns) if after_own else 0
        farthest = max(with_source, without_source)
        if open_runs[row] > farthest and count_up_to(line[column:], farthest) == 0:
            open_runs[row] = np.inf  # nobody is as close, the common case
            continue
        closer, closer_without, alike, alike_without = 0, 0, 0, 0
        while column < columns:
            if first <= column < behind:
                column = behind
                continue
            end = ends[left + column] - left
            best = open_runs[row]
            for place in range(column, min(end, columns)):
                best = min(best, np.float64(line[place]))
            if end > columns:
                open_runs[row] = best
                break
            open_runs[row] = np.inf
            closer += best < with_source
            closer_without += best < without_source
            alike += best == with_source
            alike_without += best == without_source
            column = end
        better[0, probe] += closer
        better[1, probe] += closer_without
        ties[0, probe] += alike
        ties[1, probe] += alike_without


@compiled
def rank_references(
    scores: NDArray[np.floating],
    corner: tuple[int, int],
    own: NDArray[np.int64],
    wanted: NDArray[np.floating],
    better: NDArray[np.int32],
    ties: NDArray[np.int32],
) -> None:
    """`rank_probes` for the references of a set that is compared with itself, with the rows as gallery.

    Args: as for `rank_probes`; the rows are whole identities, and probes and references have the same numbers.
    """
    rows, columns = scores.shape
    top, left = corner
    smallest = np.empty(columns, scores.dtype)
    row = 0
    while row < rows:
        size = 1
        while row + size < rows and own[0, top + row + size] == own[0, top + row]:
            size += 1
        start = min(max(own[1, top + row] - left, 0), columns)
        closest = smallest[start:]
        copy(scores[row, start:], closest)
        for other in range(row + 1, row + size):
            line = scores[other, start:]
            for column in range(len(line)):
                closest[column] = line[column] if line[column] < closest[column] else closest[column]
        behind = slice(left + start, left + columns)
        for policy in range(2):
            of_own, closer, alike = wanted[policy, behind], better[policy, behind], ties[policy, behind]
            for column in range(len(closest)):
                distance = wanted.dtype.type(closest[column])
                closer[column] += np.int32(distance < of_own[column])
                alike[column] += np.int32(distance == of_own[column])
        row += size
