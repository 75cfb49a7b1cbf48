"""A cache of what attackers compute of single pictures, shared by all attackers and their controls."""

from __future__ import annotations

import hashlib
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_BYTES = 128 * 2**20
"""Of results that are kept; beyond, those that were not asked for the longest go."""

Array = NDArray[Any]

Compute = Callable[[Array], Array]
"""(n, ...) pictures -> (n, ...) results, each of its own picture alone."""


class Memo:
    """Results of pictures by what is computed and by the pictures' pixels; may be asked from any thread.

    Attackers get the same pictures again and again: all of them, some of them, dealt to other people. A result that
    hangs on one picture alone is the same each time.

    Args:
        most_bytes: See `MOST_BYTES`.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes, self._size = most_bytes, 0
        self._results: OrderedDict[tuple[str, bytes], Array] = OrderedDict()
        self._lock = Lock()
        self._computing: defaultdict[str, Lock] = defaultdict(Lock)

    def rows(self, kind: str, pictures: Array, compute: Compute) -> Array:
        """The result of each picture, computed for those that were not seen before.

        Args:
            kind: What is computed.
            pictures: (n, ...).
            compute: Computes it; must give a picture the same result whatever others there are.

        Returns:
            (n, ...) in the order of the pictures; the caller's own.
        """
        if not len(pictures):
            return compute(pictures)
        keys = [(kind, _digest(picture)) for picture in pictures]
        with self._lock:
            computing = self._computing[kind]
        with computing:  # a second request for the same waits for the first
            with self._lock:
                found = {key: self._results[key] for key in keys if key in self._results}
            first = {key: place for place, key in reversed(list(enumerate(keys))) if key not in found}
            places = sorted(first.values())
            if places:
                made = compute(pictures[places])
                # Copies, not views of everything that was made with them.
                found |= {keys[place]: result.copy() for place, result in zip(places, made, strict=True)}
            with self._lock:
                self._keep({key: found[key] for key in keys})
        return np.stack([found[key] for key in keys])

    def _keep(self, found: dict[tuple[str, bytes], Array]) -> None:
        for key, result in found.items():
            if key not in self._results:
                self._results[key] = result
                self._size += result.nbytes
            self._results.move_to_end(key)
        while self._size > self._most_bytes:
            self._size -= self._results.popitem(last=False)[1].nbytes


def _digest(picture: Array) -> bytes:
    content = np.ascontiguousarray(picture)
    found = hashlib.blake2b(f"{content.dtype.str}{content.shape}".encode(), digest_size=16)
    found.update(content.data)
    return found.digest()
