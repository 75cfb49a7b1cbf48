"""Compiled loops of the search: whose references are closer to a probe than its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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
    """Keep the smallest distance of each probe to its own identity, under both gallery policies.

    Args:
        scores: (p, r) distances.
        offset: Number of the first reference less that of the first probe.
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
def count_up_to(line: NDArray[np.floating], limit: float) -> int:
    """How many scores are not larger than a limit."""
    count = 0
    for column in range(len(line)):
        count += line[column] <= limit
    return count


@compiled
def rank_probes(
    scores: NDArray[np.floating],
    after_own: bool,
    own: NDArray[np.int64],
    ends: NDArray[np.int64],
    wanted: NDArray[np.float64],
    open_runs: NDArray[np.float64],
    better: NDArray[np.int32],
    ties: NDArray[np.int32],
) -> None:
    """Count for each probe the other identities of a block that are closer than its own, and those as close.

    Args:
        scores: (p, r) distances.
        after_own: Whether only identities that come after the probe's own count.
        own: (2, p) first and behind the last reference of each probe's identity, counted from the block's first.
        ends: (r,) the reference behind the last of each one's identity, counted in the same way.
        wanted: (2, p) distance to the own identity under each policy; minus infinity where there is none.
        open_runs: (p,) smallest distance to the identity that the block before has left unfinished, else infinity, as
            where none is as close as the own identity; updated.
        better: (2, p) updated.
        ties: (2, p) updated.
    """
    rows, columns = scores.shape
    for row in range(rows):
        line = scores[row]
        with_source, without_source = wanted[0, row], wanted[1, row]
        first, behind = own[0, row], own[1, row]
        column = min(max(behind, 0), columns) if after_own else 0
        farthest = max(with_source, without_source)
        if open_runs[row] > farthest and count_up_to(line[column:], farthest) == 0:
            open_runs[row] = np.inf  # nobody is as close, which is so for most probes
            continue
        closer, closer_without, alike, alike_without = 0, 0, 0, 0
        while column < columns:
            if first <= column < behind:
                column = behind
                continue
            end = ends[column]
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
        better[0, row] += closer
        better[1, row] += closer_without
        ties[0, row] += alike
        ties[1, row] += alike_without


@compiled
def rank_references(
    scores: NDArray[np.floating],
    own: NDArray[np.int64],
    wanted: NDArray[np.float64],
    better: NDArray[np.int32],
    ties: NDArray[np.int32],
) -> None:
    """The same for the references of a set that is compared with itself, to which the rows are the others.

    Args:
        scores: (p, r) distances; the rows are whole identities.
        own: (2, p) first and behind the last reference of each probe's identity, counted from the block's first.
        wanted: (2, r) distance of each reference to its own identity under each policy.
        better: (2, r) updated.
        ties: (2, r) updated.
    """
    rows, columns = scores.shape
    smallest = np.empty(columns)
    row = 0
    while row < rows:
        size = 1
        while row + size < rows and own[0, row + size] == own[0, row]:
            size += 1
        start = min(max(own[1, row], 0), columns)
        closest = smallest[start:]
        closest[:] = scores[row, start:]
        for other in range(row + 1, row + size):
            line = scores[other, start:]
            for column in range(len(line)):
                score = np.float64(line[column])
                closest[column] = score if score < closest[column] else closest[column]
        for policy in range(2):
            of_own, closer, alike = wanted[policy, start:], better[policy, start:], ties[policy, start:]
            for column in range(len(closest)):
                closer[column] += np.int32(closest[column] < of_own[column])
                alike[column] += np.int32(closest[column] == of_own[column])
        row += size
