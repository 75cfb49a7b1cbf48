"""Compilation of loops with numba. Importing this module imports numba, so only kernel modules import it."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba

_njit: Any = numba.njit  # its type annotations differ between versions

_IMPORTS = re.compile(r"^(?:from ([\w.]+) import (\([^)]*\)|.*)|import ([\w.]+))", re.MULTILINE)
"""Imports of a module as a whole: what a loop is made from is not imported within a function."""

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile a loop when it is first called, without the GIL, and keep the result on disk.

    Divisions follow numpy: a float divided by zero is infinite or no number, an integer 0.
    Where neither the package's folder nor the user's cache can be written, it is compiled again in each process.
    """
    return _compile(function)


def compiled_contracting(function: Function) -> Function:
    """Like `compiled`; a product may be added to a sum in one rounding, which is more exact and not the same bits."""
    return _compile(function, fastmath={"contract"})


def _compile(function: Function, **settings: Any) -> Function:
    # error_model: loops in which a division may raise an error are not vectorized.
    options = {"nogil": True, "error_model": "numpy", **settings}
    result: Function
    try:
        # Numba's cache key is the loop's own file and name, but constants and helpers come from other files, too.
        function.__qualname__ += "_" + sources_digest(function.__module__)
        result = _njit(cache=True, **options)(function)
    except (RuntimeError, OSError):  # no cache folder, or a source file cannot be read
        result = _njit(**options)(function)
    return result


@cache
def sources_digest(module: str) -> str:
    """Digest of the sources of a module's loops: its own and, in turn, all that it imports of its package and ours.

    Args:
        module: Its name; it has been imported, or is while its loops are made.

    Raises:
        OSError: One cannot be read.
    """
    packages = {module.partition(".")[0], __name__.partition(".")[0]}
    found: dict[str, bytes] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = getattr(sys.modules.get(name), "__file__", None)
        if path is None or name in found or name.partition(".")[0] not in packages:
            continue
        found[name] = Path(path).read_bytes()
        for source, parts, plain in _IMPORTS.findall(found[name].decode(errors="replace")):
            waiting += [plain or source, *(f"{source}.{part}" for part in re.findall(r"\w+", parts))]
    digest = hashlib.sha256()
    for name in sorted(found):
        digest.update(hashlib.sha256(found[name]).digest())
    return digest.hexdigest()[:16]
