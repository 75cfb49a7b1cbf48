"""Keeps a plugin from ending the process on the spot with exit code 0, which would pass for a success."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

ENDINGS = ("_exit", "execv", "execve")
"""Functions of ``os`` after which this program is gone; the other ``exec`` functions call these."""


@contextmanager
def exits_refused() -> Iterator[None]:
    """Make ``os._exit`` and ``os.exec...`` raise SystemExit until the block ends; forked processes keep the real ones.

    Code that is no Python, and could end the process all the same, is held by ``--isolate`` only.
    """
    process = os.getpid()

    def refusing(real: Callable[..., Any]) -> Callable[..., Any]:
        def refused(*arguments: Any) -> Any:
            if os.getpid() != process:
                return real(*arguments)
            raise SystemExit(arguments[0] if len(arguments) == 1 else f"exec of {arguments[0]!s}")

        return refused

    modules: list[ModuleType] = [os, *(sys.modules[name] for name in ("posix", "nt") if name in sys.modules)]
    before = [(module, name, vars(module)[name]) for module in modules for name in ENDINGS if name in vars(module)]
    for module, name, real in before:
        setattr(module, name, refusing(real))
    try:
        yield
    finally:
        for module, name, real in before:
            setattr(module, name, real)
