"""Process-wide settings that plugins may change: how each is read and restored."""

from __future__ import annotations

import gc
import locale
import logging
import multiprocessing
import os
import random
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np

_LIMITS = ("CPU", "FSIZE", "DATA", "STACK", "CORE", "NPROC", "NOFILE", "AS")

_STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Setting:
    """A process-wide setting.

    Attributes:
        state: Its value at the start of the work.
        shared: Whether other code than plugins changes it, too.
    """

    name: str
    state: Any
    read: Callable[[], Any]
    write: Callable[[Any], object]
    shared: bool = False

    @classmethod
    def of(cls, name: str, read: Callable[[], Any], write: Callable[[Any], object], *, shared: bool = False) -> Setting:
        """Capture a setting's current value."""
        return cls(name, read(), read, write, shared)

    def restored(self) -> bool:
        """Restore the value; returns whether it had changed."""
        if self.is_unchanged():
            return False
        with suppress(OSError, ValueError):  # not everybody may raise a limit again
            self.write(self.state)
        return True

    def is_unchanged(self) -> bool:
        """Whether the value is unchanged."""
        return _equal(self.read(), self.state)


def settings() -> list[Setting]:
    """Current settings, except random number generators."""

    def set_path(entries: Sequence[str]) -> None:
        sys.path[:] = entries

    def set_locale(name: str) -> None:
        locale.setlocale(locale.LC_ALL, name)

    of = Setting.of
    return [
        of("the recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
        Setting("the module search path", list(sys.path), lambda: sys.path, set_path),
        of("the socket timeout", socket.getdefaulttimeout, socket.setdefaulttimeout),
        of("the locale", lambda: locale.setlocale(locale.LC_ALL), set_locale),
        of("whether logging is disabled", lambda: logging.root.manager.disable, logging.disable),
        of("whether garbage is collected", gc.isenabled, lambda on: gc.enable() if on else gc.disable()),
        of("the number of threads of OpenCV", cv2.getNumThreads, cv2.setNumThreads),
        of(
            "the process start method",
            _start_method,
            lambda way: multiprocessing.set_start_method(way, force=True),
        ),
        *_hooks(),
        *_of_the_system(),
        *_of_torch(),
    ]


def generators(*, shared: bool) -> list[Setting]:
    """Current states of the global random number generators of Python, NumPy and, if loaded, torch.

    Args:
        shared: Whether other code also uses Python's global generator.
    """

    def numpy_state() -> Any:
        return np.random.get_state(legacy=True)

    found = [
        Setting.of("Python's random numbers", random.getstate, random.setstate, shared=shared),
        Setting.of("NumPy's random numbers", numpy_state, np.random.set_state),
    ]
    torch: Any = sys.modules.get("torch")  # the core imports none
    if torch is not None and hasattr(torch, "get_rng_state"):
        found.append(Setting.of("torch's random numbers", torch.get_rng_state, torch.set_rng_state))
    return found


def _hooks() -> list[Setting]:
    """Hooks for uncaught exceptions."""

    def read() -> tuple[object, ...]:
        return sys.excepthook, sys.unraisablehook, threading.excepthook

    def write(hooks: Any) -> None:
        sys.excepthook, sys.unraisablehook, threading.excepthook = hooks

    return [Setting.of("exception hooks", read, write)]


def _of_the_system() -> list[Setting]:
    """Settings of the operating system for the process; none on Windows."""
    if find_spec("resource") is None:
        return []
    import resource

    numbers = [getattr(resource, f"RLIMIT_{name}") for name in _LIMITS if hasattr(resource, f"RLIMIT_{name}")]

    def limits() -> list[tuple[int, int]]:
        return [resource.getrlimit(number) for number in numbers]

    def limit(values: Any) -> None:
        for number, value in zip(numbers, values, strict=True):
            resource.setrlimit(number, value)

    def stop_timer(_: Any) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)

    found = [
        Setting.of("limits of the process", limits, limit),
        Setting("an alarm", False, lambda: signal.getitimer(signal.ITIMER_REAL)[0] > 0, stop_timer),
        Setting.of(
            "the priority",
            lambda: os.getpriority(os.PRIO_PROCESS, 0),
            lambda value: os.setpriority(os.PRIO_PROCESS, 0, value),
        ),
        Setting.of("the session", lambda: os.getsid(0), lambda _: None),
    ]
    if _umask() is not None:
        found.append(Setting.of("the umask", _umask, os.umask))
    return found


def _of_torch() -> list[Setting]:
    torch: Any = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "get_default_dtype"):
        return []
    of = Setting.of
    return [
        of("torch's type of numbers", torch.get_default_dtype, torch.set_default_dtype),
        of("the number of threads of torch", torch.get_num_threads, torch.set_num_threads),
    ]


def _start_method() -> str:
    """Start method of multiprocessing; reading it must not set it."""
    return multiprocessing.get_start_method(allow_none=True) or multiprocessing.get_all_start_methods()[0]


def _umask() -> int | None:
    """The process's umask, read without setting it; None if that is not possible."""
    with suppress(OSError):
        for line in _STATUS.read_bytes().splitlines():  # the process's name may be cut within a letter
            if line.startswith(b"Umask:"):
                return int(line.split()[1], 8)
    return None


def _equal(a: Any, b: Any) -> bool:
    if hasattr(a, "shape"):
        return bool(np.array_equal(a, b))
    try:
        return bool(a == b)
    except ValueError:  # a tuple that holds an array
        return len(a) == len(b) and all(map(_equal, a, b))
