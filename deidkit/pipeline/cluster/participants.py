"""Which workers of a cluster can take part in a job: each is examined once, before it gets tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from deidkit.errors import UsageError
from deidkit.pipeline.cluster.job import differences
from deidkit.pipeline.cluster.process_cache import Presence, done_here
from deidkit.pipeline.cluster.tasks import refused

if TYPE_CHECKING:
    from distributed import Client, Future

_ANSWER_SECONDS = 2
"""How long a worker may take to hand over what its examination found; it is asked again."""


class Participants:
    """The workers that can take part, as of the last update.

    Args:
        client: Connected to the scheduler.
        text: The cluster as the user named it.
        unfit: Runs in a worker and lets it make its plugins; gives why it cannot take part, empty where it can.

    Attributes:
        threads: Address of each worker that takes part -> its number of threads.
        examinations: Address of each worker that is being examined -> what it will be found unfit for.
        refusals: A sentence on each worker that cannot take part.
    """

    def __init__(self, client: Client, text: str, unfit: Callable[[], str]) -> None:
        self._client, self._text, self._unfit = client, text, unfit
        self.threads: dict[str, int] = {}
        self.examinations: dict[str, Future[str]] = {}
        self.refusals: list[str] = []
        self._known: set[str] = set()
        self._fit: set[str] = set()
        self._presences: list[Future[Presence]] = []

    def update(self) -> None:
        """Ask which workers there are, examine those that joined, and take what earlier examinations found.

        Raises:
            UsageError: The scheduler has other versions.
        """
        alive = self._client.nthreads()
        self._examine(alive.keys() - self._known)
        for address, examination in list(self.examinations.items()):
            if address not in alive:
                del self.examinations[address]
            elif examination.done():
                with suppress(TimeoutError):
                    self._take(address, _found(examination))
                    del self.examinations[address]
        self.threads = {address: count for address, count in alive.items() if address in self._fit}

    def _take(self, address: str, reason: str) -> None:
        if reason:
            self.refusals.append(refused(address, reason))
        else:
            self._fit.add(address)

    def _examine(self, joined: Set[str]) -> None:
        for address, mismatch in self._mismatches(joined).items():
            self._known.add(address)
            if mismatch:
                self._take(address, f"it has {mismatch}; install the same versions everywhere")
                continue
            own: dict[str, Any] = {"workers": [address], "priority": 1}
            name = f"{self._client.id}-{address}"
            # one presence each, since Dask drops copies of one that no task waits for
            self._presences.append(self._client.submit(Presence, key=f"deidkit-presence-{name}", **own))
            key = f"deidkit-examination-{name}"
            self.examinations[address] = self._client.submit(done_here, self._unfit, key=key, **own)

    def _mismatches(self, addresses: Iterable[str]) -> dict[str, str]:
        """Why the Python or Dask of workers cannot read what they are sent; empty words where they can."""
        if not addresses:
            return {}
        versions: Any = self._client.get_versions(check=False)
        own = _versions(versions["client"])
        mismatch = differences(own, _versions(versions["scheduler"]))
        if mismatch:
            raise UsageError(
                f"scheduler {self._text} cannot take part: it has {mismatch}; install the same versions everywhere."
            )
        found = versions["workers"]
        return {address: differences(own, _versions(found[address])) for address in addresses if address in found}


def _found(examination: Future[str]) -> str:
    """Why a worker is unfit. Raises TimeoutError where it does not answer."""
    if examination.status == "error":
        error = examination.exception(timeout=_ANSWER_SECONDS)
        return f"{type(error).__name__}: {error}"
    reason: str = examination.result(timeout=_ANSWER_SECONDS)
    return reason


def _versions(found: Any) -> dict[str, str]:
    packages = found["packages"]
    return {name: str(packages.get(name)) for name in ("python", "distributed", "msgpack", "cloudpickle")}
