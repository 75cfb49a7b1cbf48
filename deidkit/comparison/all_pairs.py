"""All comparisons of two sets of templates, block by block: no matrix of scores is ever held."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidkit.comparison.collecting import Collector
from deidkit.comparison.pairs import PairScores, Templates
from deidkit.comparison.searching import Search
from deidkit.errors import PluginError
from deidkit.progress import Progress, Silent
from deidkit.protocols import Recognizer

PROBES = 128
"""Probes in a block."""

REFERENCES = 1024
"""References in a block: with the probes a block of scores is one megabyte."""

MAX_SCORES = 4_000_000
"""Scores of one kind that are kept one by one."""


@dataclass(frozen=True)
class _Block:
    """A block of comparisons: rows and columns of the matrix that is never made."""

    rows: slice
    columns: slice


def compare_all(
    recognizer: Recognizer,
    probes: Templates,
    references: Templates | None = None,
    *,
    identify: bool = True,
    max_scores: int = MAX_SCORES,
    threads: int | None = None,
    progress: Progress | None = None,
) -> PairScores:
    """Compare every probe with every reference.

    Args:
        recognizer: Whose `compare` is called, from several threads.
        probes: The probes.
        references: The references; None compares every two probes once (i < j), and searches each probe among all
            others.
        identify: Whether to search each probe's identity as well.
        max_scores: Largest number of scores of one kind to keep one by one; more are kept as a histogram.
        threads: Worker threads; None for one.
        progress: Who wants to know.

    Returns:
        The scores by kind and the searches. They are the same for any number of threads.

    Raises:
        PluginError: The recognizer returns something that is no block of distances.
    """
    from threadpoolctl import threadpool_limits

    within = references is None
    gallery = probes if references is None else references
    collector = Collector(probes, gallery, recognizer.score_range, max_scores, within=within)
    search = Search(probes, gallery, within=within) if identify else None
    blocks = list(_blocks(len(probes.data), len(gallery.data), within=within and not identify))
    name = f"comparing, {len(probes.data)} x {len(gallery.data)}"
    with (
        (progress or Silent()).stage(name, len(blocks)) as stage,
        threadpool_limits(limits=1, user_api="blas"),  # the threads below are the parallelism
        ThreadPoolExecutor(threads or 1) as pool,
    ):

        def work(block: _Block) -> NDArray[np.float64]:
            scores = recognizer.compare(probes.data[block.rows], gallery.data[block.columns])
            return _checked(scores, block, recognizer)

        # Scores are computed in any order and consumed in one, so that sums come out the same to the last bit.
        for block, scores in zip(blocks, _in_order(pool, work, blocks, (threads or 1) * 2), strict=True):
            collector.add(block.rows.start, block.columns.start, scores)
            if search:
                search.add(block.rows, block.columns, scores)
            stage.advance()
    same_source, same_identity, different_identity = collector.finish()
    return PairScores(
        same_source=same_source,
        same_identity=same_identity,
        different_identity=different_identity,
        identification_with_source=search.finish(without_source=False) if search else None,
        identification_without_source=search.finish(without_source=True) if search else None,
    )


def _blocks(rows: int, columns: int, *, within: bool) -> Iterator[_Block]:
    for top in range(0, rows, PROBES):
        bottom = min(top + PROBES, rows)
        for left in range(0, columns, REFERENCES):
            right = min(left + REFERENCES, columns)
            if within and right <= top + 1:  # entirely below the diagonal
                continue
            yield _Block(slice(top, bottom), slice(left, right))


def _in_order(pool: ThreadPoolExecutor, work: Any, items: list[_Block], ahead: int) -> Iterator[NDArray[np.float64]]:
    """Results in the order of the items, with at most `ahead` of them in memory."""
    pending: list[Any] = []
    upcoming = iter(items)
    for item in upcoming:
        pending.append(pool.submit(work, item))
        if len(pending) >= ahead:
            yield pending.pop(0).result()
    while pending:
        yield pending.pop(0).result()


def _checked(scores: Any, block: _Block, recognizer: Recognizer) -> NDArray[np.float64]:
    wanted = (block.rows.stop - block.rows.start, block.columns.stop - block.columns.start)
    array = np.asarray(scores)
    name = type(recognizer).__name__
    if array.shape != wanted or array.dtype.kind != "f":
        raise PluginError(
            f"recognizer {name} breaks its contract: compare() gave {array.dtype} of shape {array.shape}, "
            f"wanted floats of shape {wanted}."
        )
    low, high = recognizer.score_range
    slack = 1e-6 * max(1.0, abs(high - low))
    if not (np.isfinite(array).all() and array.min() >= low - slack and array.max() <= high + slack):
        raise PluginError(
            f"recognizer {name} breaks its contract: compare() gave scores that are not finite or lie outside of its "
            f"score_range {low:g} to {high:g}."
        )
    return np.ascontiguousarray(array, dtype=np.float64)
