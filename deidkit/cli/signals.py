"""SIGTERM, as a supervisor or a cluster sends it, ends a command as Ctrl-C does."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def sigterm_as_ctrl_c() -> Iterator[None]:
    """Do at SIGTERM what Ctrl-C would do at that moment, until the block ends.

    By default SIGTERM ends Python on the spot: programs it started would go on, and folders with originals stay.
    """

    def press(number: int, frame: FrameType | None) -> None:
        handler = signal.getsignal(signal.SIGINT)
        if callable(handler):  # a training that holds Ctrl-C back until a step is done holds this back, too
            handler(signal.SIGINT, frame)
        else:  # a shell's background job ignores Ctrl-C; to ignore both would be to ignore everything but a kill
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # only there can a signal be handled
        yield
        return
    before = signal.signal(signal.SIGTERM, press)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)
