"""Signal handling: SIGTERM and SIGHUP end a command like Ctrl-C."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

TERMINATION_SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGXCPU") if hasattr(signal, name)]
"""Signals handled like Ctrl-C; Windows has only SIGTERM."""

TIMER_SIGNALS = [getattr(signal, name) for name in ("SIGALRM", "SIGVTALRM", "SIGPROF") if hasattr(signal, name)]
"""Signals of timers; a timer left running by a plugin would end the process."""

STOPPING = b"\nStopping: current work is finished first.\n"

_REAL_EXIT = os._exit
"""Original `os._exit`, which `deidkit.cli.exits` replaces while plugins run."""

THREAD_GRACE_SECONDS = 10.0
"""Seconds that threads may take to end after an interruption."""


@contextmanager
def termination_as_interrupt() -> Iterator[None]:
    """Handle `TERMINATION_SIGNALS` within the block by the current handler of Ctrl-C.

    By default they end Python at once: programs that it started continue, and folders with originals stay. A SIGHUP
    that is ignored, as under nohup, stays ignored.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        if number != signal.SIGTERM:  # shell and terminal both send SIGHUP; the second must not interrupt the cleanup
            signal.signal(number, signal.SIG_IGN)
        handler = signal.getsignal(signal.SIGINT)
        if callable(handler):  # a custom handler, e.g. of a training that defers Ctrl-C to the end of a step
            handler(signal.SIGINT, frame)
        else:  # background jobs ignore Ctrl-C; these signals must work nevertheless
            raise KeyboardInterrupt

    def announce(number: int, frame: FrameType | None) -> None:
        with suppress(OSError):
            os.write(2, STOPPING)
        signal.default_int_handler(number, frame)

    if threading.current_thread() is not threading.main_thread():  # signal handlers can be set in the main thread only
        yield
        return
    before = {number: signal.getsignal(number) for number in (*TERMINATION_SIGNALS, signal.SIGINT)}
    handled = [number for number in TERMINATION_SIGNALS if number == signal.SIGTERM or before[number] != signal.SIG_IGN]
    for number in handled:
        signal.signal(number, interrupt)
    forgotten = [number for number in TIMER_SIGNALS if signal.getsignal(number) == signal.SIG_DFL]
    for number in forgotten:
        signal.signal(number, lambda number, frame: None)  # SIG_IGN would be inherited by child processes
    if before[signal.SIGINT] is signal.default_int_handler:
        signal.signal(signal.SIGINT, announce)
        handled.append(signal.SIGINT)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, before[number] or signal.SIG_DFL)
        for number in forgotten:
            signal.signal(number, signal.SIG_DFL)


def end_process(code: int) -> None:
    """End an interrupted process despite running threads, after some seconds for their cleanup.

    Python would wait for its threads, however long, and if interrupted again would shut down under them, which C++
    libraries answer with an abort. This happens even without another interrupt: once one has cut short a wait for a
    thread, Python counts that thread as ended. So those that run are looked up.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    awaited = {thread.ident for thread in threading.enumerate() if not thread.daemon} - {threading.get_ident()}
    deadline = time.monotonic() + THREAD_GRACE_SECONDS
    while awaited & {*sys._current_frames()} and time.monotonic() < deadline:
        time.sleep(0.02)
    _exit(code)


def end_process_later(code: int) -> None:
    """Let a finished process end despite threads that a plugin left running.

    Python waits for them when the main thread has ended; after some seconds a daemon thread ends the process.
    """

    def end() -> None:
        time.sleep(THREAD_GRACE_SECONDS)
        _exit(code)

    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        threading.Thread(target=end, daemon=True).start()


def _exit(code: int) -> None:
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    _REAL_EXIT(code)
