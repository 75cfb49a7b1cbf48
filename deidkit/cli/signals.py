"""Signals: SIGTERM of a supervisor or a closed terminal end a command as Ctrl-C does."""

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

ENDINGS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGXCPU") if hasattr(signal, name)]
"""Windows has SIGTERM only."""

UNAWAITED = [getattr(signal, name) for name in ("SIGALRM", "SIGVTALRM", "SIGPROF") if hasattr(signal, name)]
"""Signals of timers: one that a plugin set and forgot would end Python on the spot."""

HEARD = b"\nStopping: what is under way is ended first.\n"

_EXIT = os._exit
"""The real one, which is refused to plugins."""

SECONDS_TO_LEAVE = 10.0
"""What threads get to end after an interruption."""


@contextmanager
def endings_as_ctrl_c() -> Iterator[None]:
    """Do at SIGTERM and SIGHUP what Ctrl-C would do at that moment, until the block ends.

    By default they end Python on the spot: programs it started would go on, and folders with originals stay. A SIGHUP
    that is ignored, as under nohup, stays so.
    """

    def press(number: int, frame: FrameType | None) -> None:
        if number != signal.SIGTERM:  # shell and terminal each send it, and the second would cut short what follows
            signal.signal(number, signal.SIG_IGN)
        handler = signal.getsignal(signal.SIGINT)
        if callable(handler):  # a training that holds Ctrl-C back until a step is done holds this back, too
            handler(signal.SIGINT, frame)
        else:  # a shell's background job ignores Ctrl-C; to ignore both would be to ignore everything but a kill
            raise KeyboardInterrupt

    def hear(number: int, frame: FrameType | None) -> None:
        with suppress(OSError):
            os.write(2, HEARD)
        signal.default_int_handler(number, frame)

    if threading.current_thread() is not threading.main_thread():  # only there can a signal be handled
        yield
        return
    before = {number: signal.getsignal(number) for number in (*ENDINGS, signal.SIGINT)}
    handled = [number for number in ENDINGS if number == signal.SIGTERM or before[number] != signal.SIG_IGN]
    for number in handled:
        signal.signal(number, press)
    forgotten = [number for number in UNAWAITED if signal.getsignal(number) == signal.SIG_DFL]
    for number in forgotten:
        signal.signal(number, lambda number, frame: None)  # to ignore it would hold for programs that are started, too
    if before[signal.SIGINT] is signal.default_int_handler:
        signal.signal(signal.SIGINT, hear)
        handled.append(signal.SIGINT)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, before[number] or signal.SIG_DFL)
        for number in forgotten:
            signal.signal(number, signal.SIG_DFL)


def leave(code: int) -> None:
    """End an interrupted process though threads are at work, after what they hold was given back.

    Python would wait for its threads, however long, and end under them if it is interrupted again; what libraries of
    C++ destroy then aborts the process. Threads get a few seconds to remove what they wrote; returns where all ended.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    deadline = time.monotonic() + SECONDS_TO_LEAVE
    others = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    for thread in others:
        thread.join(max(0.0, deadline - time.monotonic()) if not thread.daemon else 0.0)
    if any(thread.is_alive() for thread in others):
        _end(code)


def leave_later(code: int) -> None:
    """See to it that a process that is done ends, whatever threads a plugin started and forgot.

    Python waits for them when the main thread has ended; after some seconds this one ends the process meanwhile.
    """

    def end() -> None:
        time.sleep(SECONDS_TO_LEAVE)
        _end(code)

    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        threading.Thread(target=end, daemon=True).start()


def _end(code: int) -> None:
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    _EXIT(code)
