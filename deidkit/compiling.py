"""How loops are compiled. Importing this module imports numba, so only kernels do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

_njit: Any = numba.njit  # whose types have changed between versions

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile a loop when it is first called, without the GIL, and keep the result on disk.

    Divisions follow numpy: a float divided by zero is infinite or no number, an integer 0.
    Where neither the package's folder nor the user's cache can be written, it is compiled anew in each process.
    """
    return _compile(function)


def compiled_contracting(function: Function) -> Function:
    """Like `compiled`; a product may be added to a sum in one rounding, which is more exact and not the same bits."""
    return _compile(function, fastmath={"contract"})


def _compile(function: Function, **settings: Any) -> Function:
    # A loop in which a division can raise an error does not become vector instructions.
    options = {"nogil": True, "error_model": "numpy", **settings}
    result: Function
    try:
        result = _njit(cache=True, **options)(function)
    except RuntimeError:  # numba finds no folder to cache in
        result = _njit(**options)(function)
    return result
