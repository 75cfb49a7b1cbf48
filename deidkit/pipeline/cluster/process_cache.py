"""A cache of a worker process between tasks, which is dropped with the client that sent the work.

Each process that works for a client has a presence of the client's, an object that Dask holds there, and lets go of
when the client closes, ends or is lost. With it goes all that was kept; where there is none, nothing is kept.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from threading import Lock
from typing import Generic, ParamSpec, TypeVar
from weakref import WeakSet

T = TypeVar("T")
P = ParamSpec("P")


class ProcessCache(Generic[T]):
    """Holds the last value that tasks of this process made, one at most.

    Args:
        make_room: Whether the last one goes before the next is made, since both together may not fit into memory.
    """

    def __init__(self, *, make_room: bool = False) -> None:
        self._make_room = make_room
        self._lock = Lock()
        self._last: tuple[str, T] | None = None
        _drops.append(self._drop)

    def of(self, token: str, make: Callable[[], T]) -> T:
        """What was made for a job, now or before."""
        with self._lock:
            last = self._last
            if last is None or last[0] != token:
                if self._make_room:
                    self._last = last = None
                self._last = last = token, make()
            return last[1]

    def _drop(self) -> None:
        self._last = None  # without the lock: whoever lets go of a presence may hold it


_drops: list[Callable[[], None]] = []


class Presence:
    """Stands for a client in the processes that work for it."""

    def __init__(self) -> None:
        weakref.finalize(self, _drop_all)
        _present.add(self)  # after the above, so that it has left this set before all is dropped

    def __reduce__(self) -> tuple[type[Presence], tuple[()]]:
        return Presence, ()  # each process has one of its own


_present: WeakSet[Presence] = WeakSet()


def done_here(task: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Do a task, and keep what it made only while a client is present: otherwise nothing would drop it."""
    try:
        return task(*arguments, **named)
    finally:
        if not _present:
            _drop_all()


def _drop_all() -> None:
    for drop in _drops:
        drop()
