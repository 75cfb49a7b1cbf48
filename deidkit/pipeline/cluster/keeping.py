"""What a worker process keeps between tasks: pictures and templates are gone when whoever sent the work has gone.

Every task of a client is given the client's presence, an object that Dask holds in each process that works for the
client, and lets go of when the client closes, ends or is lost. With it goes all that was kept.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """The last thing of a kind that tasks of this process made; one at most.

    Args:
        make_room: Whether the last one goes before the next is made, since both together may not fit into memory.
    """

    def __init__(self, *, make_room: bool = False) -> None:
        self._make_room = make_room
        self._lock = Lock()
        self._last: tuple[str, T] | None = None
        _drops.append(self._drop)

    def of(self, token: str, make: Callable[[], T]) -> T:
        """What was made for a job, now or before.

        Args:
            token: Tells the job from any other.
            make: Makes it; one thread does, others wait.
        """
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

    def __reduce__(self) -> tuple[type[Presence], tuple[()]]:
        return Presence, ()  # each process has one of its own


def _drop_all() -> None:
    for drop in _drops:
        drop()
