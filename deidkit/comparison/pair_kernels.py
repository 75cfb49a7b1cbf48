"""Compiled kernels that distribute blocks of scores by kind."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidkit.comparison.histogram import BINS
from deidkit.compiling import compiled

FIXED_BITS = 31
"""Scores are summed as integers of so many bits over their range, so that sums do not depend on the order."""

_TO_BIN = np.uint64(FIXED_BITS - (BINS.bit_length() - 1))

SAME_SOURCE, SAME_IDENTITY, DIFFERENT_IDENTITY = range(3)


@compiled
def count_scores(
    line: NDArray[np.floating],
    subject: int,
    others: NDArray[np.int32],
    scaling: tuple[float, float],
    fixed: NDArray[np.int64],
    counts: NDArray[np.uint32],
    marginals: NDArray[np.uint32],
    sums: NDArray[np.int64],
) -> None:
    """Count a slice of a row's scores: in the histogram, in those of both subjects, and in the sums.

    Args:
        line: (r,) distances.
        subject: Of the row.
        others: (r,) subjects of the columns.
        scaling: Lowest score, and 2^31 over the range.
        fixed: (r,) scratch.
        counts: (bins,) updated.
        marginals: (subjects, coarse bins) updated.
        sums: (3,) sum of the scores in units of the range / 2^31, and of their squares: the part below and the part
            above 2^31; updated.
    """
    low, scale = scaling
    one = 1 << FIXED_BITS
    total = lower = upper = np.int64(0)
    for column in range(len(line)):  # branchless, so that it is vectorized
        number = np.int64(min(max((np.float64(line[column]) - low) * scale + 0.5, 0.0), np.float64(one)))
        fixed[column] = number
        square = number * number
        total += number
        lower += square & (one - 1)
        upper += square >> FIXED_BITS
    sums[0] += total
    sums[1] += lower
    sums[2] += upper
    mine = marginals[subject]
    to_coarse = np.uint64(FIXED_BITS)
    while np.uint64(1) << (np.uint64(FIXED_BITS) - to_coarse) < np.uint64(marginals.shape[1]):
        to_coarse -= np.uint64(1)
    for column in range(len(line)):  # unsigned, because negative indices need a check
        inside = min(np.uint64(fixed[column]), np.uint64(one - 1))
        other, coarse = others[column], inside >> to_coarse
        counts[inside >> _TO_BIN] += np.uint32(1)
        mine[coarse] += np.uint32(1)
        marginals[np.uint64(other), coarse] += np.uint32(other != subject)


@compiled
def copy(source: NDArray[np.generic], target: NDArray[np.generic]) -> None:
    """Copy as much as fits: slice assignment would take seconds more to compile."""
    for place in range(min(len(source), len(target))):
        target[place] = source[place]


@compiled
def name_subjects(
    kind: int,
    top: int,
    within: bool,
    own: NDArray[np.int64],
    probes: NDArray[np.int32],
    references: NDArray[np.int32],
    parts: NDArray[np.int64],
    subjects: NDArray[np.int32],
    place: int,
) -> int:
    """Write the subjects of the comparisons of one kind, in the order in which `tally` stores their scores.

    Args:
        kind: The kind.
        top: Number of the first probe.
        within: Whether both are of one set, of which only pairs i < j count.
        own: (2, p) number of the first reference of each probe's identity and of the one behind its last.
        probes: (2, p) sources and subjects.
        references: (2, r) the same, of all references.
        parts: (k, 2) first reference compared with the probes and the one behind the last, ascending.
        subjects: (2, n) written.
        place: Where to begin.

    Returns:
        Where the next one goes.
    """
    for row in range(probes.shape[1]):
        source, subject = probes[0, row], probes[1, row]
        for part in range(len(parts)):
            first, last = parts[part]
            first = max(first, top + row + 1) if within else first
            if kind != DIFFERENT_IDENTITY:
                first, last = max(first, own[0, row]), min(last, own[1, row])
            for column in range(first, last):
                if kind == DIFFERENT_IDENTITY:
                    there = column < own[0, row] or column >= own[1, row]
                else:
                    there = (references[0, column] == source) == (kind == SAME_SOURCE)
                if there:
                    subjects[0, place], subjects[1, place] = subject, references[1, column]
                    place += 1
    return place


@compiled
def tally(
    scores: NDArray[np.floating],
    corner: tuple[int, int],
    within: bool,
    own: NDArray[np.int64],
    probes: NDArray[np.int32],
    references: NDArray[np.int32],
    limits: NDArray[np.float64],
    slots: NDArray[np.int64],
    positions: NDArray[np.int64],
    values: NDArray[np.floating],
    counts: NDArray[np.uint32],
    marginals: NDArray[np.uint32],
    sums: NDArray[np.int64],
) -> bool:
    """Distribute a block of scores by kind, storing each individually or counting it.

    Args:
        scores: (p, r) distances.
        corner: Numbers of the block's first probe and of its first reference.
        within: Whether both are of one set, of which only pairs i < j count.
        own: (2, probes) number of the first reference of each probe's identity and of the one behind its last.
        probes: (2, probes) sources and subjects.
        references: (2, references) the same.
        limits: (4,) smallest and largest score that is let through, low and high end of the histograms.
        slots: (3,) histogram of each kind, -1 for one kept one by one.
        positions: (3, probes) where the next score of each kind and row goes, updated.
        values: (n,) scores kept one by one, written.
        counts: (histograms, bins) updated.
        marginals: (histograms, subjects, coarse bins) updated: the comparisons in which a subject takes part.
        sums: (histograms, 3) as in `count_scores`.

    Returns:
        Whether all scores are numbers within the limits.
    """
    rows, columns = scores.shape
    top, left = corner
    smallest, largest = scores.dtype.type(limits[0]), scores.dtype.type(limits[1])
    low = limits[2]
    scaling = low, (1 << FIXED_BITS) / (limits[3] - low)
    fixed = np.empty(columns, dtype=np.int64)
    sources, others = references[0, left:], references[1, left:]
    for index in range(rows):
        line, row = scores[index], top + index
        outside = np.int32(0)
        for column in range(columns):
            outside += np.int32(1) - np.int32((line[column] >= smallest) & (line[column] <= largest))
        if outside:
            return False
        first = min(max(row + 1 - left, 0), columns) if within else 0
        begin = min(max(own[0, row] - left, first), columns)
        end = min(max(own[1, row] - left, begin), columns)
        source, subject = probes[0, row], probes[1, row]
        for column in range(begin, end):
            kind = SAME_IDENTITY if sources[column] != source else SAME_SOURCE
            slot = slots[kind]
            if slot < 0:
                position = positions[kind, row]
                positions[kind, row] = position + 1
                values[position] = line[column]
            else:
                stretch = slice(column, column + 1)
                count_scores(
                    line[stretch], subject, others[stretch], scaling, fixed, counts[slot], marginals[slot], sums[slot]
                )
        slot = slots[DIFFERENT_IDENTITY]
        for part in range(2):
            start, stop = (first, begin) if part == 0 else (end, columns)
            if slot >= 0:
                stretch = slice(start, stop)
                count_scores(
                    line[stretch], subject, others[stretch], scaling, fixed, counts[slot], marginals[slot], sums[slot]
                )
                continue
            position = positions[DIFFERENT_IDENTITY, row]
            behind = position + max(stop - start, 0)
            copy(line[start:stop], values[position:behind])
            positions[DIFFERENT_IDENTITY, row] = behind
    return True
