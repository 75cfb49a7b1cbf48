"""Connects to a Dask cluster: processes of this machine, or a scheduler that is running."""

from __future__ import annotations

import logging
import multiprocessing
import os
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from deidkit.errors import DeidkitError, MissingDependency, UsageError
from deidkit.processors import available

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

_ADDRESS = re.compile(r"local:(?P<count>[1-9]\d*)|(?:tcp|tls|ucx)://\S+:\d+")

_LOGS = ("asyncio", "distributed", "tornado")

NO_SCRIPT = 'A script that starts them is imported by them: it has to call deidkit below if __name__ == "__main__".'
"""Message to the author of a script whose processes would start further ones."""

ANSWER_SECONDS = 15
"""How long a scheduler may take to answer."""


def check(text: str) -> None:
    """Refuse what names no cluster. Raises UsageError or MissingDependency."""
    if not _ADDRESS.fullmatch(text):
        raise UsageError(f"--cluster {text} names no cluster: write local:N or tcp://HOST:PORT.")
    if getattr(multiprocessing.current_process(), "_inheriting", False):  # it is importing the script
        raise UsageError(f"the processes of --cluster {text} cannot start others. {NO_SCRIPT}")
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        raise MissingDependency("--cluster needs Dask. Install it with: pip install 'distributed>=2024.8'") from error


@contextmanager
def connected(text: str, resume_hint: str) -> Iterator[Client]:
    """A client of the cluster that a text names; processes of this machine end with it."""
    from distributed import Client

    match = _ADDRESS.fullmatch(text)
    count = match and match["count"]
    with _silent(), _process_restored(), _scheduler_loss_in_one_sentence(text, resume_hint):
        if count is None:
            try:
                client = Client(text, timeout=ANSWER_SECONDS, name="deidkit")
            except (OSError, TimeoutError) as error:
                raise UsageError(f"no Dask scheduler answers at {text}; start one: dask scheduler") from error
            with client:
                yield client
            return
        with _processes(int(count)) as cluster, Client(cluster, timeout=ANSWER_SECONDS, name="deidkit") as client:
            yield client


def _processes(count: int) -> LocalCluster:
    from distributed import LocalCluster

    try:
        return LocalCluster(
            n_workers=count,
            threads_per_worker=max(1, available() // count),
            processes=True,
            dashboard_address=None,
            scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},  # else on a fixed port
            memory_limit=0,
            preload=[f"{__package__}.interrupts"],
            silence_logs=logging.CRITICAL,
        )
    except RuntimeError as error:
        cause: BaseException = error
        while inner := cause.__cause__ or cause.__context__:
            cause = inner
        reason = f"the processes of --cluster local:{count} could not be started: {str(cause).rstrip('.')}."
        raise UsageError(reason if isinstance(cause, OSError) else f"{reason} {NO_SCRIPT}") from error


@contextmanager
def _process_restored() -> Iterator[None]:
    """Give back what Dask takes of the process, so that no plugin is blamed for it."""
    environment, randomness = dict(os.environ), random.getstate()
    try:
        yield
    finally:
        os.environ.update(environment)
        random.setstate(randomness)


@contextmanager
def _scheduler_loss_in_one_sentence(text: str, resume_hint: str) -> Iterator[None]:
    """Tell a scheduler that went away from a defect."""
    from distributed import CancelledError
    from distributed.comm import CommClosedError

    try:
        yield
    except (CancelledError, CommClosedError) as error:
        raise DeidkitError(
            f"the scheduler at {text} cannot be reached any more; what is finished is kept: start it and {resume_hint}."
        ) from error


@contextmanager
def _silent() -> Iterator[None]:
    """Silence the logs of Dask and its dependencies: errors are reported as sentences here."""
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in _LOGS]
    levels = {log: log.level for log in map(logging.getLogger, [*_LOGS, *names])}
    try:
        for log in levels:
            log.setLevel(logging.CRITICAL + 1)
        yield
    finally:
        for log, level in levels.items():
            log.setLevel(level)
