"""Cache of per-picture results, shared by all attackers and their controls."""

from __future__ import annotations

import hashlib
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_BYTES = 128 * 2**20
"""Size limit of the cache; the least recently used results are dropped."""

Array = NDArray[Any]

Compute = Callable[[Array], Array]
"""(n, ...) pictures -> (n, ...) results, each depending on its own picture only."""


class Memo:
    """Thread-safe cache of results by kind of computation and pixels.

    Attackers process the same pictures repeatedly: all of them, subsets, or under other labels. A result that depends
    on one picture only is the same each time.

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
            kind: Name of the computation.
            pictures: (n, ...).
            compute: The computation; a picture's result must not depend on the other pictures.

        Returns:
            (n, ...) in the order of the pictures, as a new array.
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
