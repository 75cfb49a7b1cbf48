"""All comparisons of two sets of templates, block by block: the full matrix of scores is never in memory."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidkit.comparison import checkpoints
from deidkit.comparison.checkpoints import Checkpoint, Checkpoints
from deidkit.comparison.contract import check_range, compared, compared_in_steps, out_of_range, steps_of
from deidkit.comparison.layout import Layout, Stripe
from deidkit.comparison.pairs import PairScores, Templates
from deidkit.comparison.part_runner import Arrays, PartRunner, parts_from
from deidkit.comparison.sampling import sampled_layout
from deidkit.comparison.searching import Search
from deidkit.comparison.tallying import Tally
from deidkit.errors import PluginError
from deidkit.processors import available, limited_library_threads
from deidkit.progress import Progress, Silent, Stage
from deidkit.protocols import Recognizer

PROBES = 672
"""Probes per stripe, or those of one identity if it has more: the optimal height for matrix products."""

STRIPE_SCORES = 2**25
"""Largest number of scores per stripe: the slowest recognizer needs seconds; checkpoints hold whole stripes."""

REFERENCES = 672
"""References per block: a block of scores has two megabytes in single precision, four in double."""

OWN_SCORES = 6_000_000
"""Largest number of scores kept from the search for own identities, instead of computing them twice."""

MAX_SCORES = 4_000_000
"""Largest number of scores of one kind that are kept individually."""


@dataclass(frozen=True)
class ComparisonSettings:
    """Extent of the comparison, and what is kept.

    Attributes:
        pairs: Largest number of comparisons; if there are more, they are sampled, see `sampling`, without a search.
        max_scores: Largest number of scores of one kind to keep individually; more are kept as a histogram.
        checkpoints: Storage for the state of a long comparison; None for none.
        part_runner: Runs parts of a long comparison in other processes; None for this process only.
        rows: Probes per stripe; None for the default.
    """

    max_scores: int = MAX_SCORES
    checkpoints: Checkpoints | None = None
    pairs: int | None = None
    part_runner: PartRunner | None = None
    rows: int | None = None


def compare_all(
    recognizer: Recognizer,
    probes: Templates,
    references: Templates | None = None,
    *,
    identify: bool = True,
    settings: ComparisonSettings | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> PairScores:
    """Compare every probe with every reference.

    Args:
        recognizer: Whose `compare` is called, from several threads.
        probes: The probes.
        references: The references; None compares every two probes once, and searches each probe among all others.
        identify: Whether to search each probe's identity as well.
        settings: What is compared and kept; None for the defaults.
        threads: Worker threads; None for as many as there are processors.
        progress: Receives progress reports.

    Returns:
        The scores by kind and the searches. They do not depend on the number of threads, on interruptions, nor on the
        size of blocks if the recognizer's scores do not.

    Raises:
        PluginError: The recognizer does not return a block of distances within its range.
        UsageError: The sample is too small.
        ValueError: Templates of one source have two identities.
    """
    work = Comparison.of(recognizer, probes, references, identify=identify, settings=settings)
    work.run(max(1, min(threads or available(), work.stripes)), progress or Silent())
    return work.scores()


class Comparison:
    """A running comparison: stripe after stripe, each by one of several threads.

    Args:
        recognizer: Whose `compare` is called, from several threads.
        layout: Order of the comparisons.
        settings: Extent of the comparison, and what is kept.
        identify: Whether to search each probe's identity as well.
    """

    def __init__(self, recognizer: Recognizer, layout: Layout, settings: ComparisonSettings, *, identify: bool) -> None:
        self._recognizer, self._layout, self._settings = recognizer, layout, settings
        self._steps = steps_of(recognizer)
        self._tally = Tally(layout, recognizer.score_range, settings.max_scores, self._steps)
        self._search = Search(layout) if identify else None
        self._stop = Event()
        self._keeps_own = False
        self._own_blocks: dict[tuple[int, int, int], NDArray[Any]] = {}

    @classmethod
    def of(
        cls,
        recognizer: Recognizer,
        probes: Templates,
        references: Templates | None,
        *,
        identify: bool,
        settings: ComparisonSettings | None,
    ) -> Comparison:
        """Create a comparison; arguments and errors are those of `compare_all`."""
        _check_labels(probes, probes if references is None else references)
        check_range(recognizer)
        settings = settings or ComparisonSettings()
        references_each = len(probes if references is None else references)
        rows = settings.rows or min(PROBES, max(STRIPE_SCORES // max(references_each, 1), 1))
        settings = replace(settings, rows=rows)
        sample = None
        if settings.pairs is not None:
            sample = sampled_layout(probes, references, rows=rows, pairs=settings.pairs)
        layout = sample or Layout.of(probes, references, rows=rows)
        return cls(recognizer, layout, settings, identify=identify and sample is None)

    def again(self) -> Comparison:
        """The same comparison without results."""
        return Comparison(self._recognizer, self._layout, self._settings, identify=self._search is not None)

    @property
    def stripes(self) -> int:
        """Number of stripes."""
        return len(self._layout.stripes)

    def run(self, threads: int, progress: Progress) -> None:
        """Compare everything that is not in a checkpoint."""
        stripes, layout, settings = self._layout.stripes, self._layout, self._settings
        done = self._resumed()
        saved = done
        blocks = [sum(1 for _ in stripe.blocks(PROBES * REFERENCES)) for stripe in stripes]
        with (
            progress.stage(f"comparing, {len(layout.probes)} x {len(layout.gallery)}", sum(blocks)) as stage,
            limited_library_threads(),
            ThreadPoolExecutor(threads) as pool,
        ):
            if self._search:
                self._each(pool, threads, self._own, self._own_stripes(), stage)
                self._search.own_found()
            stage.advance(sum(blocks[:done]))
            parts = parts_from(layout, done) if settings.part_runner else []
            if settings.part_runner and len(parts) > 1:

                def take(part: range, arrays: Arrays) -> None:
                    self.take(part, arrays)
                    stage.advance(sum(blocks[part.start : part.stop]))

                assert settings.rows, "a comparison is arranged by `of`"
                settings.part_runner.compare(settings.rows, self._search.wanted if self._search else None, parts, take)
                return
            while done < len(stripes):
                pending = deque(stripes[done:])
                self._each(pool, threads, self._compare, pending, stage)
                done = len(stripes) - len(pending)
                if settings.checkpoints and (done < len(stripes) or saved):
                    state = {**self._tally.state(), **(self._search.state() if self._search else {})}
                    settings.checkpoints.save(Checkpoint(done, state))
                    saved = done

    def part(self, part: range, wanted: NDArray[Any] | None) -> Arrays:
        """Compare some stripes of a comparison without other results, for `take` in another process."""
        if self._search and wanted is not None:
            self._search.wanted = wanted.copy()
        with limited_library_threads(), Silent().stage("part", None) as stage:
            self._compare(deque(self._layout.stripes[part.start : part.stop]), math.inf, stage)
        return {**self._tally.state_of(self._rows(part)), **(self._search.state() if self._search else {})}

    def take(self, part: range, arrays: Arrays) -> None:
        """Merge another process's results of some stripes."""
        self._keep(arrays["values"].dtype)
        self._tally.take(self._rows(part), arrays)
        if self._search:
            self._search.merge(arrays["better"], arrays["ties"])

    def _rows(self, part: range) -> slice:
        stripes = self._layout.stripes
        return slice(stripes[part.start].rows.start, stripes[part.stop - 1].rows.stop)

    def scores(self) -> PairScores:
        """The result."""
        search = self._search
        same_source, same_identity, different_identity = self._tally.finish()
        return PairScores(
            same_source=same_source,
            same_identity=same_identity,
            different_identity=different_identity,
            identification_with_source=search.identification(without_source=False) if search else None,
            identification_without_source=search.identification(without_source=True) if search else None,
        )

    def _each(
        self, pool: ThreadPoolExecutor, threads: int, work: _StripeWork, pending: deque[Stripe], stage: Stage
    ) -> None:
        """Process stripes in several threads until a checkpoint is due; started stripes are finished."""
        until = time.monotonic() + checkpoints.EVERY if self._settings.checkpoints else math.inf
        workers = [pool.submit(work, pending, until, stage) for _ in range(threads)]
        try:
            for worker in workers:
                worker.result()
        finally:
            self._stop.set()  # after a failure or a cancellation, the other threads end after their block
        self._stop.clear()

    def _own_stripes(self) -> deque[Stripe]:
        """Stripes with the probes' own identities; within one set, from blocks that are compared later anyway."""
        layout = self._layout
        squares = [Stripe(stripe.rows, (stripe.rows,)) for stripe in layout.stripes]
        scores = sum((square.rows.stop - square.rows.start) ** 2 for square in squares)
        if not layout.within or self._settings.part_runner or scores > OWN_SCORES:
            return deque(layout.own_stripes())
        self._keeps_own = True
        return deque(squares)

    def _own(self, pending: deque[Stripe], until: float, stage: Stage) -> None:
        """Find the distances of probes to their own identities."""
        assert self._search is not None
        while not self._stop.is_set() and (stripe := _next(pending)):
            for columns in stripe.blocks(PROBES * REFERENCES):
                scores = self._scores(stripe.rows, columns)
                self._search.find_own(stripe.rows, columns, scores)
                if self._keeps_own:
                    # A copy: a recognizer may reuse its memory.
                    self._own_blocks[stripe.rows.start, columns.start, columns.stop] = scores.copy()

    def _compare(self, pending: deque[Stripe], until: float, stage: Stage) -> None:
        tally, search = self._tally.part(), self._search.part() if self._search else None
        while stripe := _next(pending):
            if search:
                search.begin(stripe.rows)
            for columns in stripe.blocks(PROBES * REFERENCES):
                if self._stop.is_set():
                    return
                made = self._own_blocks.pop((stripe.rows.start, columns.start, columns.stop), None)
                scores = self._scores(stripe.rows, columns) if made is None else made
                if not tally.add(stripe.rows, columns, scores):
                    raise PluginError(out_of_range(self._recognizer))
                if search:
                    search.add(stripe.rows, columns, scores)
                stage.advance()
            if time.monotonic() >= until:
                break
        tally.flush()
        if search:
            search.flush()

    def _keep(self, kind: np.dtype[Any]) -> None:
        if not self._tally.takes(kind):
            raise PluginError(
                f"recognizer {type(self._recognizer).__name__} breaks its contract: compare() gave {kind} where it "
                f"gave {self._tally.values.dtype} before."
            )

    def _scores(self, rows: slice, columns: slice) -> NDArray[Any]:
        probes, references = self._layout.probes.block(rows), self._layout.gallery.block(columns)
        if self._steps is not None:
            return compared_in_steps(self._recognizer, probes, references)
        scores = compared(self._recognizer, probes, references)
        self._keep(scores.dtype)
        return scores.astype(self._tally.values.dtype, copy=False)

    def _resumed(self) -> int:
        """Restore a checkpoint; returns its number of stripes."""
        found = self._settings.checkpoints.load() if self._settings.checkpoints else None
        if found is None:
            return 0
        self._tally.restore(found.arrays)
        if self._search:
            self._search.restore(found.arrays)
        return found.stripes


_StripeWork = Callable[[deque[Stripe], float, Stage], None]


def _next(pending: deque[Stripe]) -> Stripe | None:
    try:
        return pending.popleft()
    except IndexError:  # another thread took the last one
        return None


def _check_labels(probes: Templates, gallery: Templates) -> None:
    sources = np.concatenate([probes.sources, gallery.sources])
    identities = np.concatenate([probes.identities, gallery.identities])
    order = np.argsort(sources, kind="stable")
    same = sources[order][1:] == sources[order][:-1]
    if (same & (identities[order][1:] != identities[order][:-1])).any():
        raise ValueError("templates of one source must have one identity")
