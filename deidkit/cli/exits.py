"""Keeps a plugin from ending the process on the spot with exit code 0, which would pass for a success."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import NoReturn


@contextmanager
def exits_refused() -> Iterator[None]:
    """Make ``os._exit`` raise SystemExit until the block ends; processes forked from this one keep the real one.

    Code that is no Python, and could end the process all the same, is held by ``--isolate`` only.
    """
    real, process = os._exit, os.getpid()

    def refused(status: int) -> NoReturn:
        if os.getpid() != process:
            real(status)
        raise SystemExit(status)

    modules: list[ModuleType] = [os, *(sys.modules[name] for name in ("posix", "nt") if name in sys.modules)]
    for module in modules:
        module.__dict__["_exit"] = refused
    try:
        yield
    finally:
        for module in modules:
            module.__dict__["_exit"] = real
