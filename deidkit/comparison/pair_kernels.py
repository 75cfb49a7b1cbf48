"""Compiled loops over blocks of scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidkit.compiling import compiled

FIXED_BITS = 31
"""Scores are summed as integers of so many bits over their range: sums do not depend on the order then."""

SAME_SOURCE, SAME_IDENTITY, DIFFERENT_IDENTITY = range(3)


@compiled
def tally(
    scores: NDArray[np.float64],
    top: int,
    left: int,
    within: bool,
    probes: NDArray[np.int32],
    references: NDArray[np.int32],
    limits: NDArray[np.float64],
    bin_bits: tuple[int, int],
    slots: NDArray[np.int64],
    positions: NDArray[np.int64],
    values: NDArray[np.float64],
    subjects: NDArray[np.int32],
    counts: NDArray[np.int64],
    marginals: NDArray[np.uint32],
    sums: NDArray[np.int64],
) -> bool:
    """Sort a block of scores by kind and keep each, one by one or counted, in one pass.

    Args:
        scores: (p, r) distances.
        top: Number of the block's first probe.
        left: Number of its first reference.
        within: Whether both are of one set, of which only pairs i < j count.
        probes: (3, p) sources, identities and subjects.
        references: (3, r) the same.
        limits: (4,) smallest and largest score that is let through, low and high end of the histograms.
        bin_bits: Logarithms to base 2 of how many bins and coarse bins the histograms have.
        slots: (3,) histogram of each kind, -1 for one kept one by one.
        positions: (3, p) where the next score of each kind and row goes, updated.
        values: (n,) scores kept one by one, written.
        subjects: (2, n) their subjects, written.
        counts: (histograms, bins) updated.
        marginals: (histograms, subjects, coarse bins) updated: the comparisons in which a subject takes part.
        sums: (histograms, 3) sum of the scores in units of the range / 2^31, and of their squares: the part below
            and the part above 2^31; updated.

    Returns:
        Whether all scores are numbers within the limits.
    """
    rows, columns = scores.shape
    smallest, largest, low = limits[0], limits[1], limits[2]
    one = 1 << FIXED_BITS
    scale = one / (limits[3] - low)
    to_bin, to_coarse = FIXED_BITS - bin_bits[0], FIXED_BITS - bin_bits[1]
    for row in range(rows):
        first = max(top + row + 1 - left, 0) if within else 0
        source, identity, subject = probes[0, row], probes[1, row], probes[2, row]
        for column in range(columns):
            score = scores[row, column]
            if not (smallest <= score <= largest):
                return False
            if column < first:
                continue
            if references[1, column] != identity:
                kind = DIFFERENT_IDENTITY
            elif references[0, column] != source:
                kind = SAME_IDENTITY
            else:
                kind = SAME_SOURCE
            other = references[2, column]
            slot = slots[kind]
            if slot < 0:
                position = positions[kind, row]
                positions[kind, row] = position + 1
                values[position] = score
                subjects[0, position] = subject
                subjects[1, position] = other
            else:
                fixed = min(max(int((score - low) * scale + 0.5), 0), one)
                inside = min(fixed, one - 1)
                counts[slot, inside >> to_bin] += 1
                coarse = inside >> to_coarse
                marginals[slot, subject, coarse] += 1
                if other != subject:
                    marginals[slot, other, coarse] += 1
                square = fixed * fixed
                sums[slot, 0] += fixed
                sums[slot, 1] += square & (one - 1)
                sums[slot, 2] += square >> FIXED_BITS
    return True


@compiled
def nearest(
    scores: NDArray[np.float64],
    offset: int,
    side: int,
    probe_sources: NDArray[np.int32],
    own: NDArray[np.int64],
    sources: NDArray[np.int32],
    numbers: NDArray[np.int64],
    smallest: NDArray[np.float64],
    own_without_source: NDArray[np.float64],
) -> None:
    """Keep the smallest distance of each probe to each identity, and to its own without its source.

    Args:
        scores: (p, r) distances.
        offset: Number of the first reference less that of the first probe.
        side: 1 for pairs i < j only, -1 for pairs i > j only, 0 for all but i = j, 2 for all.
        probe_sources: (p,) sources.
        own: (p,) number of each probe's identity, -1 where no reference has it.
        sources: (r,) sources.
        numbers: (r,) number of each reference's identity.
        smallest: (p, identities) updated.
        own_without_source: (p,) updated.
    """
    rows, columns = scores.shape
    for row in range(rows):
        start, stop, skipped = 0, columns, -1
        diagonal = row - offset
        if side == 1:
            start = max(diagonal + 1, 0)
        elif side == -1:
            stop = min(max(diagonal, 0), columns)
        elif side == 0:
            skipped = diagonal
        column = start
        while column < stop:
            number = numbers[column]
            mine = number == own[row]
            best = smallest[row, number]
            while column < stop and numbers[column] == number:  # references mostly come identity by identity
                if column != skipped:
                    score = scores[row, column]
                    best = min(best, score)
                    if mine and sources[column] != probe_sources[row]:
                        own_without_source[row] = min(own_without_source[row], score)
                column += 1
            smallest[row, number] = best
