"""Checks submissions in a thread of the server, so that checks do not wait behind audits."""

from __future__ import annotations

import errno
import logging
import os
import secrets
import socket
import threading
import time

from sqlalchemy.exc import SQLAlchemyError

from deidkit.errors import DeidkitError
from deidkit_service import tables
from deidkit_service.home import Home
from deidkit_service.queue import Lease, Queue
from deidkit_service.removal import remove
from deidkit_service.retention import remove_expired

IDLE_SECONDS = 0.3

CHECK_SECONDS = 60.0
"""Duration of a check's lease, which is renewed while pictures are read."""

RENEWALS = 4
"""How many times a lease is renewed within its duration."""

CLEANUP_SECONDS = 60.0

log = logging.getLogger("deidkit.checker")


class _Unwanted(Exception):
    """The submission was cancelled, or another server has taken it over."""


class Checker:
    """Runs the checking thread; use it as a context manager."""

    def __init__(self, home: Home) -> None:
        self._home = home
        name = f"check-{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(2)}"
        self._queue = Queue(home.database, name, CHECK_SECONDS, home.settings.attempts)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="checker", daemon=True)

    def __enter__(self) -> Checker:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        cleaned = 0.0
        while not self._stop.is_set():
            try:
                if time.monotonic() - cleaned > CLEANUP_SECONDS:
                    cleaned = time.monotonic()
                    remove_expired(self._home)
                lease = self._queue.take("check")
                if lease is not None:
                    check_one(self._home, self._queue, lease)
                    continue
            except Exception:
                log.exception("checking")
            self._stop.wait(IDLE_SECONDS)


def check_one(home: Home, queue: Queue, lease: Lease) -> None:
    """Check one submission and record the result."""
    from deidkit_service.intake import check_submission  # image libraries are slow to import

    with home.database.reading() as session:
        row = session.get_one(tables.Submission, lease.submission)
    renewed = time.monotonic()

    def alive() -> None:
        nonlocal renewed
        if time.monotonic() - renewed > queue.seconds / RENEWALS:
            renewed = time.monotonic()
            if queue.renew(lease) != "held":
                raise _Unwanted

    try:
        problem = check_submission(home, row, alive)
    except _Unwanted:
        problem = ""
    except SQLAlchemyError:  # not the submission's fault: it is checked again when its lease has expired
        raise
    except DeidkitError as error:
        problem = str(error)
    except Exception as error:
        log.exception("submission %s", row.id)
        problem = (
            "the service's disk is full; its operator has to make room, then hand it in again."
            if isinstance(error, OSError) and error.errno == errno.ENOSPC
            else f"it could not be checked ({type(error).__name__}); the operator finds the cause in the server's log."
        )
    state = queue.renew(lease)
    if state == "lost":
        return
    if state == "cancelled":
        queue.cancelled(lease)
    elif problem:
        queue.failed(lease, problem)
    else:
        queue.checked(lease)
        return
    with home.database.reading() as session:
        now = session.get(tables.Submission, row.id)
    if now is not None and now.wanted_end == "delete":
        remove(home, row.id)
    else:
        home.forget_now_or_later(row.id)
