"""All comparisons of two sets of templates, block by block: no matrix of scores is ever held."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidkit.comparison.pairs import Block, PairScores, Templates
from deidkit.comparison.searching import Search
from deidkit.comparison.tallying import Tally
from deidkit.errors import PluginError
from deidkit.progress import Progress, Silent
from deidkit.protocols import Recognizer

PROBES = 128
"""Probes in a block."""

REFERENCES = 1024
"""References in a block: with the probes a block of scores is one megabyte."""

MAX_SCORES = 4_000_000
"""Scores of one kind that are kept one by one."""


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
        threads: Worker threads; None for as many as there are processors.
        progress: Who wants to know.

    Returns:
        The scores by kind and the searches: the same whatever the number of threads, and whatever the size of blocks
        for a recognizer whose scores do not depend on it.

    Raises:
        PluginError: The recognizer returns something that is no block of distances within its range.
        ValueError: Templates of one source have two identities.
    """
    from threadpoolctl import threadpool_limits

    within = references is None
    gallery = probes if references is None else references
    _check_labels(probes, gallery)
    _check_range(recognizer)
    tally = Tally(probes, gallery, recognizer.score_range, max_scores, within=within)
    search = Search(probes, gallery, within=within, block=PROBES) if identify else None
    triangle = within and (search is None or search.mirrored)
    stripes = [slice(top, min(top + PROBES, len(probes))) for top in range(0, len(probes), PROBES)]
    pending = deque(stripes)
    stop = Event()
    workers = max(1, min(threads or _processors(), len(stripes)))

    def work(stage: Any) -> None:
        part = tally.part()
        while pending and not stop.is_set():
            try:
                rows = pending.popleft()
            except IndexError:  # another thread was faster
                break
            row = search.open(rows) if search else None
            for columns in block_columns(rows, len(gallery), triangle=triangle):
                if stop.is_set():
                    return
                scores = compared(recognizer, probes.block(rows), gallery.block(columns))
                if not part.add(rows, columns, scores):
                    raise PluginError(_out_of_range(recognizer))
                if search and row:
                    search.add(row, rows, columns, scores)
                stage.advance()
            if search and row:
                search.close(row, rows)
        part.flush()

    blocks = sum(1 for rows in stripes for _ in block_columns(rows, len(gallery), triangle=triangle))
    with (
        (progress or Silent()).stage(f"comparing, {len(probes)} x {len(gallery)}", blocks) as stage,
        threadpool_limits(limits=1, user_api="blas"),  # the threads below are the parallelism
        ThreadPoolExecutor(workers) as pool,
    ):
        try:
            for worker in [pool.submit(work, stage) for _ in range(workers)]:
                worker.result()
        finally:
            stop.set()  # one has failed, or the user has had enough: the others end after their block
    if search:
        search.finish()
    same_source, same_identity, different_identity = tally.finish()
    with_source = search.identification(without_source=False) if search else None
    without_source = search.identification(without_source=True) if search else None
    return PairScores(
        same_source=same_source,
        same_identity=same_identity,
        different_identity=different_identity,
        identification_with_source=with_source,
        identification_without_source=without_source,
        unsearched_with_source=len(probes) - with_source.better.size if with_source else 0,
        unsearched_without_source=len(probes) - without_source.better.size if without_source else 0,
    )


def block_columns(rows: slice, count: int, *, triangle: bool) -> Iterator[slice]:
    """The blocks of one row, from the diagonal on where only pairs i < j are wanted."""
    for left in range(rows.start if triangle else 0, count, REFERENCES):
        yield slice(left, min(left + REFERENCES, count))


def compared(recognizer: Recognizer, probes: Block, references: Block) -> NDArray[np.float64]:
    """Distances of pictures: for several hands, those of the two that are most alike."""
    scores = np.asarray(recognizer.compare(probes.data, references.data))
    wanted = (len(probes.data), len(references.data))
    if scores.shape != wanted or scores.dtype.kind != "f":
        raise PluginError(
            f"recognizer {type(recognizer).__name__} breaks its contract: compare() gave {scores.dtype} of shape "
            f"{scores.shape}, wanted floats of shape {wanted}."
        )
    for axis, block in enumerate((probes, references)):
        if block.starts is not None:
            scores = np.minimum.reduceat(scores, block.starts, axis=axis)
    return np.ascontiguousarray(scores, dtype=np.float64)


def _out_of_range(recognizer: Recognizer) -> str:
    low, high = recognizer.score_range
    return (
        f"recognizer {type(recognizer).__name__} breaks its contract: compare() gave scores that are not finite or "
        f"lie outside of its score_range {low:g} to {high:g}."
    )


def _check_range(recognizer: Recognizer) -> None:
    low, high = recognizer.score_range
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise PluginError(
            f"recognizer {type(recognizer).__name__} breaks its contract: its score_range {low:g} to {high:g} must be "
            "finite and ascending."
        )


def _check_labels(probes: Templates, gallery: Templates) -> None:
    sources = np.concatenate([probes.sources, gallery.sources])
    identities = np.concatenate([probes.identities, gallery.identities])
    order = np.argsort(sources, kind="stable")
    same = sources[order][1:] == sources[order][:-1]
    if (same & (identities[order][1:] != identities[order][:-1])).any():
        raise ValueError("templates of one source must have one identity")


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
