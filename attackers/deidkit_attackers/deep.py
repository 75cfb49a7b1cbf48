"""Helpers of the attackers that train networks. They import torch only when called."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import ParamSpec, TypeVar

from deidkit.errors import NotComputable

P = ParamSpec("P")
Result = TypeVar("Result")


def needs_torch() -> None:
    """Raise NotComputable if torch is not installed."""
    if find_spec("torch") is None:
        raise NotComputable("It trains a network with torch, which is not installed.", "pip install 'torch>=2.6'")


def in_one_thread(run: Callable[P, Result], *args: P.args, **kwargs: P.kwargs) -> Result:
    """Call a function with single-threaded torch operations, so that the result does not depend on the core count."""
    from deidkit_networks.device import one_thread_per_operation

    with ThreadPoolExecutor(1, initializer=one_thread_per_operation) as pool:
        return pool.submit(run, *args, **kwargs).result()
