"""Runs the stages of all batches in several threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from deidkit.pipeline.batch_work import BatchWork
from deidkit.pipeline.batches import Batch
from deidkit.pipeline.context import AuditContext
from deidkit.pipeline.stage_plan import StagePlan
from deidkit.pipeline.stages import StageResults
from deidkit.processors import limited_library_threads
from deidkit.progress import Stage

BATCH_SIZES = (8, 32)
"""Least and largest number of pictures per batch: the cost of an interruption, and the memory per thread."""

STAGE = "pictures to templates"


def process(context: AuditContext, stages: StagePlan) -> StageResults:
    """Compute every stage result that is not in the workspace, in this process's threads.

    Raises:
        DeidkitError: The work cannot continue; what is finished is kept.
    """
    batches = batches_of(context)
    results = StageResults(context, batches)
    with (
        timed_stage(context, stages) as progress,
        limited_library_threads(),
        ThreadPoolExecutor(context.threads) as pool,
    ):
        try:
            for future in [pool.submit(make, work, stages, results, progress.advance) for work in batches]:
                future.result()
        except BaseException:
            context.plugins.cancel()
            context.warnings.silence()  # abandoned threads would report restored settings as changes
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return results


def make(work: BatchWork, stages: StagePlan, results: StageResults, advance: Callable[[int], None]) -> None:
    """Run all stages on one batch."""
    size = len(work.batch.samples)
    results.ensure(stages.originals, work)
    if stages.regions:
        results.ensure(stages.regions, work)
    for recognizer in stages.recognizers:
        results.ensure(recognizer.templates, work)
    advance(size)
    for engine in stages.engines:
        work.context.plugins.check_cancelled()
        results.ensure(engine.copies, work)
        for stage in engine.after_copies:
            results.ensure(stage, work)
        work.forget_copies(engine.engine)
        advance(size)
    work.forget()


@contextmanager
def timed_stage(context: AuditContext, stages: StagePlan) -> Iterator[Stage]:
    """Progress and running time of all batches."""
    count = len(context.inspection.samples) * (1 + len(stages.engines))
    with context.progress.stage(STAGE, count) as progress, context.clock.time(STAGE, count):
        yield progress


def batches_of(context: AuditContext) -> Sequence[BatchWork]:
    """Batches of an audit, determined by samples and engines."""
    plugins, inspection = context.plugins, context.inspection
    batch_size = max(engine.plugin.batch_size for engine in plugins.engines)
    size = min(max(batch_size, BATCH_SIZES[0]), BATCH_SIZES[1])
    samples, digests = inspection.samples, inspection.digests
    batches = [
        Batch(
            numbers=range(start, min(start + size, len(samples))),
            samples=samples[start : start + size],
            digests=digests[start : start + size],
            dataset=plugins.dataset.plugin,
            analysis=plugins.analysis,
            state=context.process_state,
            named=f"data set '{plugins.dataset.component.name}'",
        )
        for start in range(0, len(samples), size)
    ]
    return [BatchWork(context, batch, position) for position, batch in enumerate(batches)]
