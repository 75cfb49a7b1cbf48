"""The workers of a cluster: checks that they can take part, sends them work, and handles their loss."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from deidkit.errors import DeidkitError, UsageError
from deidkit.pipeline.cluster.connection import connected
from deidkit.pipeline.cluster.job import differences
from deidkit.pipeline.cluster.process_cache import Presence, done_here
from deidkit.pipeline.cluster.tasks import TaskDone, refused
from deidkit.pipeline.plugin_warnings import PluginWarnings

if TYPE_CHECKING:
    from distributed import Client, Future

FIRST_WORKER_SECONDS = 30
"""How long a cluster may take to get its first worker."""

NO_WORKER_SECONDS = 60
"""How long the work waits where no worker is left: a supervisor may start them again."""

_PRESENT_SECONDS = 20
"""How long to wait for workers busy with another client's tasks; until then they keep nothing."""

_POLL_SECONDS = 2
_TASKS_AHEAD = 4
"""Batches that the scheduler holds for each thread of a worker."""

_RETRIES = 2
"""How often a batch is retried after an error that is not deidkit's own, e.g. of a storage that did not answer."""


class Job(Protocol):
    """A job that workers take tasks of."""

    @property
    def token(self) -> str:
        """Identifies it among all jobs."""
        ...


J = TypeVar("J", bound=Job)
V = TypeVar("V")


class Workers:
    """The workers of a cluster, at one job.

    Args:
        client: Connected to the scheduler.
        text: The cluster as the user named it.
        resume_hint: What the user does to continue after the work was ended, e.g. ``run the same command again``.
        note: Called with a sentence.
    """

    def __init__(self, client: Client, text: str, resume_hint: str, note: Callable[[str], None]) -> None:
        self._client, self._text, self._resume_hint, self._note = client, text, resume_hint, note
        self._presences: dict[str, Future[Presence]] = {}
        self._threads: dict[str, int] = {}
        self._checked = time.monotonic()
        self._without_workers_since: float | None = None

    def prepare(self, unfit: Callable[[J], str], job: J) -> None:
        """Let every worker make its plugins, and refuse those that `unfit` gives a reason against."""
        from distributed import TimeoutError as NoAnswer
        from distributed import wait

        try:
            self._client.wait_for_workers(1, timeout=FIRST_WORKER_SECONDS)
        except NoAnswer as error:
            raise UsageError(
                f"the scheduler at {self._text} has no worker; start some: dask worker {self._text}"
            ) from error
        self._check_versions()
        self._threads = dict(self._client.nthreads())
        self._place_presences(self._threads)
        with suppress(TimeoutError):
            wait(list(self._presences.values()), timeout=_PRESENT_SECONDS)
        answers = self._client.run(done_here, unfit, job, on_error="return")
        for address, answer in answers.items():
            if isinstance(answer, Exception):
                raise UsageError(refused(address, f"{type(answer).__name__}: {answer}")) from answer
            if answer:
                raise UsageError(refused(address, answer))

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
        job_future = self._client.submit(_identity, job, key=f"deidkit-{job.token}")
        waiting = iter(range(count))
        under_way: dict[Future[TaskDone[V]], int] = {}
        try:
            while True:
                for position in waiting:
                    key = f"deidkit-{job.token}-{position}"
                    future = self._client.submit(done_here, task, job_future, position, key=key, retries=_RETRIES)
                    under_way[future] = position
                    if len(under_way) >= _TASKS_AHEAD * max(1, sum(self._threads.values())):
                        break
                if not under_way:
                    self._check_workers()  # one that was lost just before the end is named, too
                    return
                for future in self._finished(list(under_way)):
                    done(under_way.pop(future), self._result(future).checked(warnings))
        finally:
            with suppress(OSError, TimeoutError):  # a scheduler that has gone away has no tasks left
                self._client.cancel([*under_way, job_future], force=True)

    def _finished(self, futures: list[Future[TaskDone[V]]]) -> list[Future[TaskDone[V]]]:
        from distributed import wait

        while True:
            if time.monotonic() > self._checked + _POLL_SECONDS:
                self._check_workers()
                self._checked = time.monotonic()
            with suppress(TimeoutError):
                return list(wait(futures, timeout=_POLL_SECONDS, return_when="FIRST_COMPLETED").done)

    def _result(self, future: Future[TaskDone[V]]) -> TaskDone[V]:
        from distributed import KilledWorker

        try:
            found: TaskDone[V] = future.result()
            return found
        except KilledWorker as error:
            raise DeidkitError(
                "a task, such as a batch of pictures, was lost with each worker that took it, most likely because "
                f"memory ran out; what is finished is kept: give workers more and {self._resume_hint}."
            ) from error

    def _place_presences(self, addresses: Iterable[str]) -> None:
        """Place a presence in each worker: one each, since Dask drops copies of one that no task waits for."""
        for address in addresses:
            if address not in self._presences:
                key = f"deidkit-presence-{self._client.id}-{address}"
                self._presences[address] = self._client.submit(Presence, key=key, workers=[address], priority=1)

    def _check_workers(self) -> None:
        """Name workers that are lost, and give up where none comes back."""
        now = dict(self._client.nthreads())
        for address in self._threads.keys() - now.keys():
            self._note(f"worker {address} is lost; its tasks are repeated elsewhere")
        self._threads = now
        self._place_presences(now)
        if now:
            self._without_workers_since = None
            return
        self._without_workers_since = self._without_workers_since or time.monotonic()
        if time.monotonic() - self._without_workers_since > NO_WORKER_SECONDS:
            raise DeidkitError(
                f"no worker of {self._text} is left; what is finished is kept: start some and {self._resume_hint}."
            )

    def _check_versions(self) -> None:
        """Refuse a scheduler or worker whose Python or Dask cannot read what it is sent."""
        versions: Any = self._client.get_versions(check=False)
        own = _versions(versions["client"])
        others = {f"scheduler {self._text}": versions["scheduler"]}
        others |= {f"worker {address}": found for address, found in versions["workers"].items()}
        for name, found in others.items():
            mismatch = differences(own, _versions(found))
            if mismatch:
                raise UsageError(f"{name} cannot take part: it has {mismatch}; install the same versions everywhere.")


@contextmanager
def prepared_workers(
    cluster: str, resume_hint: str, note: Callable[[str], None], unfit: Callable[[J], str], job: J
) -> Iterator[Workers]:
    """Connect to a cluster, and let its workers prepare for a job; see `connected`, `Workers` and `Workers.prepare`."""
    with connected(cluster, resume_hint) as client:
        workers = Workers(client, cluster, resume_hint, note)
        workers.prepare(unfit, job)
        yield workers


def _identity(job: J) -> J:
    """A task of its own, so that a job that is lost with a worker is there again."""
    return job


def _versions(found: Any) -> dict[str, str]:
    packages = found["packages"]
    return {name: str(packages.get(name)) for name in ("python", "distributed", "msgpack", "cloudpickle")}
