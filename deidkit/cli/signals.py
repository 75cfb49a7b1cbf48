"""What ends a command from outside ends it as Ctrl-C does: SIGTERM of a supervisor, a terminal that is closed."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDINGS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""Windows has no SIGHUP."""


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

    if threading.current_thread() is not threading.main_thread():  # only there can a signal be handled
        yield
        return
    before = {number: signal.getsignal(number) for number in ENDINGS}
    handled = [number for number in ENDINGS if number == signal.SIGTERM or before[number] != signal.SIG_IGN]
    for number in handled:
        signal.signal(number, press)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, before[number] or signal.SIG_DFL)


def bear_further_ctrl_c() -> None:
    """Show no traceback of a Ctrl-C that comes while Python waits for threads before it ends."""

    def report(unraisable: sys.UnraisableHookArgs) -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            sys.__unraisablehook__(unraisable)

    sys.unraisablehook = report
