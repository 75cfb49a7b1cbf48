"""Sends work to the workers of a cluster, and handles their loss."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from deidkit.errors import DeidkitError, UsageError
from deidkit.pipeline.cluster.connection import connected
from deidkit.pipeline.cluster.participants import Participants
from deidkit.pipeline.cluster.process_cache import done_here
from deidkit.pipeline.cluster.tasks import TaskDone
from deidkit.pipeline.plugin_warnings import PluginWarnings

if TYPE_CHECKING:
    from distributed import Client, Future

FIRST_WORKER_SECONDS = 30
"""How long a cluster may take to get its first worker."""

NO_WORKER_SECONDS = 60
"""How long the work waits where no worker is left: a supervisor may start them again."""

_BUSY_SECONDS = 20
"""How long the work waits for workers that are busy with another client's tasks."""

_POLL_SECONDS = 2
_TASKS_AHEAD = 4
"""Batches that the scheduler holds for each thread of a worker."""

_RETRIES = 2
"""How often a batch is retried after an error that is not deidkit's own, e.g. of a storage that did not answer."""

_RESULT_SECONDS = 60
"""How long a worker may take to hand over what a task gave."""

_ROUNDS = 4
"""How often all workers may be lost before one of them finishes a task."""


class Job(Protocol):
    """A job that workers take tasks of."""

    @property
    def token(self) -> str:
        """Identifies it among all jobs."""
        ...


J = TypeVar("J", bound=Job)
V = TypeVar("V")


class _Tasks(Generic[J, V]):
    """The tasks of a job: those that wait, and those that workers have.

    Only workers that take part get any, so tasks whose workers are all lost wait again. The job itself lies with the
    workers of one round; once these are lost, the next round begins.
    """

    def __init__(self, client: Client, task: Callable[[J, int], TaskDone[V]], job: J, count: int) -> None:
        self._client, self._task, self._job = client, task, job
        self._waiting = deque(range(count))
        self._sent_job: Future[J] | None = None
        self._holders: set[str] = set()
        self._round = 0
        self.under_way: dict[Future[TaskDone[V]], int] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting or self.under_way)

    def send(self, threads: Mapping[str, int]) -> bool:
        """Give tasks to workers, by their threads; whether a new round began."""
        workers = list(threads)
        begins = bool(workers) and self._holders.isdisjoint(workers)
        if begins:
            self.cancel()
            self._waiting.extend(self.under_way.values())
            self.under_way.clear()
            self._holders = set(workers)
            self._round += 1
            self._sent_job = self._client.submit(_identity, self._job, key=self._key("job"), workers=workers)
        while self._waiting and len(self.under_way) < _TASKS_AHEAD * sum(threads.values()):
            position = self._waiting.popleft()
            arguments = (done_here, self._task, self._sent_job, position)
            sent = self._client.submit(*arguments, key=self._key(position), workers=workers, retries=_RETRIES)
            self.under_way[sent] = position
        return begins

    def cancel(self) -> None:
        self._client.cancel([*self.under_way, *filter(None, [self._sent_job])], force=True)

    def _key(self, of: int | str) -> str:
        return f"deidkit-{self._job.token}-{self._round}-{of}"


class Workers:
    """The workers of a cluster that can take part in a job; the others are named and left out.

    Args:
        client: Connected to the scheduler.
        text: The cluster as the user named it.
        resume_hint: What the user does to continue after the work was ended, e.g. ``run the same command again``.
        note: Called with a sentence.
        unfit: See `Participants`.
    """

    def __init__(
        self, client: Client, text: str, resume_hint: str, note: Callable[[str], None], unfit: Callable[[], str]
    ) -> None:
        self._client, self._text, self._resume_hint, self._note = client, text, resume_hint, note
        self._participants = Participants(client, text, unfit)
        self._refusals_noted = 0
        self._checked = time.monotonic()
        self._without_workers_since: float | None = None

    def prepare(self) -> None:
        """Let every worker make its plugins; one that is busy with another client's tasks may do so later.

        Raises:
            UsageError: There is no worker that can take part.
            DeidkitError: All workers were lost.
        """
        from distributed import TimeoutError as NoAnswer
        from distributed import wait

        try:
            self._client.wait_for_workers(1, timeout=FIRST_WORKER_SECONDS)
        except NoAnswer as error:
            raise UsageError(
                f"the scheduler at {self._text} has no worker; start some: dask worker {self._text}"
            ) from error
        others = time.monotonic() + _BUSY_SECONDS
        self._check()
        while under_way := list(self._participants.examinations.values()):
            if self._participants.threads and time.monotonic() > others:
                break
            with suppress(TimeoutError):
                wait(under_way, timeout=_POLL_SECONDS)
            self._check()
        if self._participants.refusals and not self._participants.threads:
            raise UsageError(self._participants.refusals[0])

    def run(
        self,
        task: Callable[[J, int], TaskDone[V]],
        job: J,
        count: int,
        warnings: PluginWarnings,
        done: Callable[[int, V | None], None],
    ) -> None:
        """Run all tasks, each on any free worker, and again where a worker is lost.

        Raises:
            DeidkitError: A task failed.
        """
        tasks = _Tasks(self._client, task, job, count)
        rounds = 0
        try:
            while tasks:
                rounds += tasks.send(self._participants.threads)
                if rounds > _ROUNDS:
                    raise self._task_lost()
                for future in self._ended(list(tasks.under_way)):
                    result: TaskDone[V] | None = self._result(future)
                    if result is not None:
                        done(tasks.under_way.pop(future), result.checked(warnings))
                        rounds = 0
            self._check()  # one that was lost just before the end is named, too
        finally:
            with suppress(OSError, TimeoutError):  # a scheduler that has gone away has no tasks left
                tasks.cancel()

    def _ended(self, futures: list[Future[TaskDone[V]]]) -> Iterable[Future[TaskDone[V]]]:
        """The tasks that have ended, after a while at most."""
        from distributed import wait

        if time.monotonic() > self._checked + _POLL_SECONDS:
            self._check()
        if not futures:  # no worker takes part at the moment
            time.sleep(_POLL_SECONDS)
            return ()
        with suppress(TimeoutError):
            return list(wait(futures, timeout=_POLL_SECONDS, return_when="FIRST_COMPLETED").done)
        return ()

    def _result(self, future: Future[TaskDone[V]]) -> TaskDone[V] | None:
        """What a task gave; None where that was lost with its worker, so that the task is done again."""
        from distributed import KilledWorker

        try:
            found: TaskDone[V] = future.result(timeout=_RESULT_SECONDS)
            return found
        except TimeoutError:
            return None
        except KilledWorker as error:
            raise self._task_lost() from error

    def _task_lost(self) -> DeidkitError:
        return DeidkitError(
            "a task, such as a batch of pictures, was lost with each worker that took it, most likely because "
            f"memory ran out; what is finished is kept: give workers more and {self._resume_hint}."
        )

    def _check(self) -> None:
        """Name workers that are lost or left out, and give up where none comes back."""
        before = self._participants.threads
        self._participants.update()
        self._checked = time.monotonic()
        now, refusals = self._participants.threads, self._participants.refusals
        for address in before.keys() - now.keys():
            self._note(f"worker {address} is lost; its tasks are repeated elsewhere")
        if now:
            for sentence in refusals[self._refusals_noted :]:
                self._note(f"{sentence} It is left out.")
            self._refusals_noted = len(refusals)
        if now or self._participants.examinations:
            self._without_workers_since = None
            return
        self._without_workers_since = self._without_workers_since or time.monotonic()
        if time.monotonic() - self._without_workers_since > NO_WORKER_SECONDS:
            raise DeidkitError(
                f"no worker of {self._text} is left; what is finished is kept: start some and {self._resume_hint}."
            )


@contextmanager
def prepared_workers(
    cluster: str, resume_hint: str, note: Callable[[str], None], unfit: Callable[[J], str], job: J
) -> Iterator[Workers]:
    """Connect to a cluster, and let its workers prepare for a job; see `connected`, `Workers` and `Workers.prepare`."""
    with connected(cluster, resume_hint) as client:
        workers = Workers(client, cluster, resume_hint, note, partial(unfit, job))
        workers.prepare()
        yield workers


def _identity(job: J) -> J:
    """A task of its own, so that a job that is lost with a worker is there again."""
    return job
