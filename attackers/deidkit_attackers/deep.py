"""What attackers share that train networks. It loads torch when it is called, not before."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import ParamSpec, TypeVar

from deidkit.errors import NotComputable

P = ParamSpec("P")
Result = TypeVar("Result")


def needs_torch() -> None:
    """Raises NotComputable where torch is not installed."""
    if find_spec("torch") is None:
        raise NotComputable("It trains a network with torch, which is not installed.", "pip install 'torch>=2.6'")


def in_one_thread(run: Callable[P, Result], *args: P.args, **kwargs: P.kwargs) -> Result:
    """Call something whose arithmetic is that of one thread, so that it gives the same on any number of cores."""
    from deidkit_networks.device import one_thread_per_operation

    with ThreadPoolExecutor(1, initializer=one_thread_per_operation) as pool:
        return pool.submit(run, *args, **kwargs).result()
