"""Sampling of comparisons, with equal participation of all people.

People are shuffled and divided into groups of one stripe each. Every group is compared with itself and with the next
few groups, cyclically. So all comparisons within a person are made, everybody meets as many strangers, and every pair
of people has the same chance to meet: a rate among the sampled comparisons is an unbiased estimate of the rate among
all. The fewer strangers people meet, the more their individual rates vary, and with them the intervals, which are based
on people's rates.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deidkit.comparison.layout import Layout, Stripe, arranged
from deidkit.comparison.pairs import Templates
from deidkit.errors import UsageError

SEED = 0
"""Seed of the order of people, fixed so that the same data set gives the same sample."""


def sampled_layout(
    probes: Templates, references: Templates | None, *, rows: int, pairs: int, seed: int = SEED
) -> Layout | None:
    """Sample at most `pairs` comparisons; None if there are no more than that.

    Without references the probes are compared with one another. A stripe has at most `rows` probes, or those of one
    person who has more; fewer for small samples.

    Raises:
        UsageError: The comparisons within people alone exceed the limit.
    """
    within = references is None
    count, others = len(probes), len(probes if references is None else references)
    everything = count * (count - 1) // 2 if within else count * others
    if everything <= pairs:
        return None
    subjects = probes.subjects if references is None else np.concatenate([probes.subjects, references.subjects])
    people = np.unique(subjects)
    rank = np.empty(int(people[-1]) + 1, dtype=np.int64)
    rank[people] = np.random.default_rng(seed).permutation(len(people))
    layout = Layout.arranged(*arranged(probes, rank), None if references is None else arranged(references, rank)[0])
    ranks, other_ranks = rank[layout.probes.subjects], rank[layout.gallery.subjects]
    while True:  # reduce the groups until comparisons within them are at most half of all
        groups = _groups(np.bincount(ranks, minlength=len(people)), rows)
        row_ends, column_ends = np.searchsorted(ranks, groups), np.searchsorted(other_ranks, groups)
        sizes, other_sizes = np.diff(row_ends), np.diff(column_ends)
        own = int((sizes * (sizes - 1) // 2).sum() if within else (sizes * other_sizes).sum())
        if 2 * own <= pairs or rows <= 1:
            break
        rows //= 2
    if own > pairs:
        raise UsageError(
            f"--sample-pairs {pairs} is too few for {count} x {others} pictures: comparisons within people alone are "
            f"{own}."
        )
    steps, total = 0, own
    most = (len(sizes) - 1) // 2 if within else len(sizes) - 1
    while steps < most and total + (more := int((sizes * np.roll(other_sizes, -steps - 1)).sum())) <= pairs:
        steps, total = steps + 1, total + more
    stripes = []
    for group in range(len(sizes)):
        met = {(group + step) % len(sizes) for step in range(steps + 1)}
        if within:  # a pair of groups belongs to the stripe of the first
            met |= {(group - step) % len(sizes) for step in range(steps + 1)}
            met = {other for other in met if other >= group}
        columns = tuple(slice(int(column_ends[other]), int(column_ends[other + 1])) for other in sorted(met))
        if sizes[group]:
            stripes.append(Stripe(slice(int(row_ends[group]), int(row_ends[group + 1])), columns))
    return layout.in_stripes(stripes)


def _groups(sizes: NDArray[np.int64], rows: int) -> NDArray[np.int64]:
    """Boundaries of groups of consecutive people with about `rows` pictures each."""
    starts, filled = [0], 0
    for person, size in enumerate(sizes.tolist()):
        if filled and filled + size > rows:
            starts.append(person)
            filled = 0
        filled += size
    return np.array([*starts, len(sizes)])
