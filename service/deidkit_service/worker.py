"""A worker: takes one submission after another from the queue and audits it."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import TracebackType
from typing import Any

from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

from deidkit.errors import DeidkitError, StoreError
from deidkit_service import tables
from deidkit_service.auditing import audit_submission
from deidkit_service.home import Home
from deidkit_service.leaderboard import as_plain, numbers_of
from deidkit_service.percentage import audit_parts
from deidkit_service.privacy import path_hider
from deidkit_service.progress_reporter import ProgressReporter
from deidkit_service.queue import Lease, Queue
from deidkit_service.removal import forget_scores, remove
from deidkit_service.scoring import measure_scores

IDLE_SECONDS = 0.5
WAIT_SECONDS = 5.0
"""Pause, in seconds, after the database did not answer."""

LONGEST_RENEWAL = 2.0
"""Maximum interval, in seconds, between two renewals, which also tell a worker of a cancellation."""

log = logging.getLogger("deidkit.worker")


class _LeaseRenewal:
    """Renews a lease in a thread; interrupts the audit if it is cancelled or the lease is lost."""

    def __init__(self, queue: Queue, lease: Lease, reporter: ProgressReporter) -> None:
        self._queue, self._lease, self._reporter = queue, lease, reporter
        self._stop = threading.Event()
        self._interrupting = threading.Lock()
        self._thread = threading.Thread(target=self._renew_repeatedly, daemon=True)
        self.why = ""

    def __enter__(self) -> _LeaseRenewal:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._interrupting:
            self._stop.set()
        self._thread.join()
        try:
            self._report()  # the last lines
        except SQLAlchemyError as error:
            log.warning("the log of %s lacks its end: %s", self._lease.submission, error)

    def _report(self) -> None:
        if (update := self._reporter.update()) is not None:
            self._queue.tell(self._lease, *update)

    def _renew_repeatedly(self) -> None:
        every = min(self._queue.seconds / 4, LONGEST_RENEWAL)
        renewed = 0.0
        while not self._stop.wait(0.5 if every > 0.5 else every):
            try:
                self._report()
                if time.monotonic() - renewed < every:
                    continue
                state = self._queue.renew(self._lease)
                renewed = time.monotonic()
            except Exception as error:  # the database may answer again before the lease expires
                log.warning("the lease of %s could not be renewed: %s", self._lease.submission, error)
                continue
            if state != "held":
                self._interrupt(state)
                return

    def _interrupt(self, why: str) -> None:
        with self._interrupting:
            if not self._stop.is_set():
                self.why = why
                os.kill(os.getpid(), signal.SIGINT)


def work(home: Home, *, parent: int | None = None, until_empty: bool = False) -> None:
    """Work until interrupted, until the parent process has ended, or until the queue is empty."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells start background processes with SIGINT ignored
    settings = home.settings
    name = f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(2)}"
    queue = Queue(home.database, name, settings.lease_seconds, settings.attempts)
    log.info("worker %s is ready", name)
    reported = 0.0
    try:
        while parent is None or os.getppid() == parent:
            with _waiting_for_database():
                if (lease := queue.take("audit")) is not None:
                    run_one(home, queue, lease)
                    continue
                if until_empty:
                    return
                if time.monotonic() - reported > settings.lease_seconds / 3:
                    queue.idle()
                    reported = time.monotonic()
                time.sleep(IDLE_SECONDS)
    except KeyboardInterrupt:
        log.info("worker %s ends", name)
    finally:
        with suppress(SQLAlchemyError):
            queue.leave()


@contextmanager
def _waiting_for_database() -> Iterator[None]:
    """Log and pause if the database does not answer, as it may be restarting."""
    try:
        yield
    except (InterfaceError, OperationalError) as error:
        log.warning("the service's database does not answer, asking again: %s", str(error.orig).partition("\n")[0])
        time.sleep(WAIT_SECONDS)


def run_one(home: Home, queue: Queue, lease: Lease) -> None:
    """Audit one submission and record its result.

    Raises:
        KeyboardInterrupt: This worker is being stopped; the submission is back in the queue.
    """
    with home.database.reading() as session:
        row = session.get_one(tables.Submission, lease.submission)
        benchmark = session.get_one(tables.Benchmark, row.benchmark)
    log.info("submission %s: attempt %d", row.id, row.attempts)
    hide = path_hider(home, row, benchmark)
    reporter = ProgressReporter(hide, audit_parts(home, row, benchmark))
    renewal = _LeaseRenewal(queue, lease, reporter)
    end: Callable[[], object]
    try:
        with renewal:
            measured = _measure(home, row, benchmark, reporter)
        end = partial(queue.done, lease, **measured)
    except KeyboardInterrupt:
        if not renewal.why:
            with suppress(SQLAlchemyError):  # then the lease expires
                queue.give_back(lease)
            raise
        log.info("submission %s: %s", row.id, renewal.why)
        if renewal.why == "lost":
            return
        end = partial(queue.cancelled, lease)
    except StoreError as error:  # not the submission's fault: it is resumed when its lease has expired
        log.warning("submission %s: %s", row.id, error)
        return
    except DeidkitError as error:
        end = partial(queue.failed, lease, hide(str(error)))
    except Exception as error:
        log.exception("submission %s", row.id)
        sentence = (
            f"deidkit or a plugin has a defect ({type(error).__name__}); the operator finds the lines to report in the "
            "worker's log."
        )
        end = partial(queue.failed, lease, sentence)
    if end():
        _tidy(home, row.id)
    log.info("submission %s: ended", row.id)


def _measure(
    home: Home, row: tables.Submission, benchmark: tables.Benchmark, reporter: ProgressReporter
) -> dict[str, Any]:
    """Measure a submission; returns the values for `Queue.done`."""
    if row.kind == "scores":
        return {"audit_id": "", "verdict": "", "numbers": measure_scores(home, row)}
    result = audit_submission(home, row, benchmark, reporter)
    return {
        "audit_id": result.audit_id,
        "verdict": result.verdict.status,
        "numbers": as_plain(numbers_of(result)),
    }


def _tidy(home: Home, identifier: str) -> None:
    """Remove the temporary files of an ended submission, and everything of one that was deleted meanwhile."""
    with home.database.reading() as session:
        row = session.get(tables.Submission, identifier)
    if row is None:
        return
    if row.wanted_end == "delete":
        remove(home, identifier)
    elif row.state == "done":
        shutil.rmtree(home.submission(identifier) / "audit", ignore_errors=True)  # thumbnails must not be kept
    else:
        forget_scores(home, identifier)
        home.forget_now_or_later(identifier)
