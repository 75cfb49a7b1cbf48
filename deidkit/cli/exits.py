"""Keeps plugins from ending the process directly, with an exit code that may mean success."""

from __future__ import annotations

import atexit
import faulthandler
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from deidkit.descriptors import guarded_close, guarded_closerange
from deidkit.printing import printable

EXIT_FUNCTIONS = ("_exit", "execv", "execve")
"""Functions of ``os`` that end or replace the process; the other ``exec`` functions call these."""


@contextmanager
def exits_blocked() -> Iterator[None]:
    """Make ``os._exit`` and ``os.exec...`` raise SystemExit within the block, except in forked processes.

    So does ``faulthandler.dump_traceback_later`` with ``exit``. In a call of a plugin, ``os.close`` and
    ``os.closerange`` leave open what is not the plugin's. Native code can do all of this; only ``--isolate`` contains
    it.
    """
    before = _replaced()
    try:
        yield
    finally:
        for module, name, real in before:
            setattr(module, name, real)


def block_exits_at_exit() -> None:
    """Block exits also in plugins' `atexit` functions; registered last, this one runs first."""

    def refuse() -> None:
        _replaced()
        sys.unraisablehook = lambda raised: print(
            printable(f"a plugin's function for the end of the process raised {raised.exc_type.__name__}"),
            file=sys.stderr,
        )

    atexit.register(refuse)


def _replaced() -> list[tuple[ModuleType, str, Any]]:
    """Replace the exit functions; returns the originals."""
    process = os.getpid()

    def refusing(real: Callable[..., Any]) -> Callable[..., Any]:
        def refused(*arguments: Any) -> Any:
            if os.getpid() != process:
                return real(*arguments)
            raise SystemExit(arguments[0] if len(arguments) == 1 else f"exec of {arguments[0]!s}")

        return refused

    dump = faulthandler.dump_traceback_later

    def dump_traceback_later(*arguments: Any, **options: Any) -> None:
        if options.get("exit") or any(arguments[3:4]):
            raise SystemExit("an exit after some time")
        dump(*arguments, **options)

    modules: list[ModuleType] = [os, *(sys.modules[name] for name in ("posix", "nt") if name in sys.modules)]
    before = [
        (module, name, vars(module)[name]) for module in modules for name in EXIT_FUNCTIONS if name in vars(module)
    ]
    exchanged = [(module, name, refusing(real)) for module, name, real in before]
    for module in modules:
        before += [(module, "close", module.close), (module, "closerange", module.closerange)]
        exchanged += [
            (module, "close", guarded_close(module.close)),
            (module, "closerange", guarded_closerange(module.closerange, module.close)),
        ]
    before.append((faulthandler, "dump_traceback_later", dump))
    exchanged.append((faulthandler, "dump_traceback_later", dump_traceback_later))
    for module, name, function in exchanged:
        setattr(module, name, function)
    return before
