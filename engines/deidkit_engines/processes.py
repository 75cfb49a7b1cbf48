"""Programs that are run, and ended from outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from threading import Lock

from deidkit.errors import Interruption

OWN_GROUP = sys.platform != "win32"
"""Whether a program gets a process group, by which it can be ended with all that it started."""


class Processes:
    """The programs under way, so that another thread can end them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def run(self, words: list[str], seconds: float) -> int:
        """Exit code of a program; one that takes too long is ended with all that it started.

        Raises:
            Interruption: It was ended by `stop`, or not started after that.
            OSError: It cannot be run.
            subprocess.TimeoutExpired: It took too long.
        """
        with self._lock:
            self._go_on()
            quiet = subprocess.DEVNULL
            process = subprocess.Popen(words, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=OWN_GROUP)
            self._running.add(process)
        try:
            code = process.wait(seconds)
        except BaseException:
            _end(process)
            process.wait()
            raise
        finally:
            with self._lock:
                self._running.discard(process)
        self._go_on()
        return code

    def stop(self) -> None:
        """End every program with all that it started, and start no more."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                _end(process)

    def _go_on(self) -> None:
        if self._stopped:
            raise Interruption("the program was stopped.")


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(OSError):  # it may be over
        if OWN_GROUP:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
