"""Standard streams that may be closed, or write to a full disk."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from traceback import walk_tb
from typing import TextIO


def open_closed_streams() -> None:
    """Redirect streams that are closed, as with ``>&-``, to the null device.

    Otherwise the first files that are opened, such as the score store, would get their numbers, and what a library
    prints would be written into them.
    """
    for number, mode in enumerate((os.O_RDONLY, os.O_WRONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, mode)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            os.set_inheritable(number, True)
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def is_from_printing(error: OSError) -> bool:
    """Whether an OSError arose from printing by click, for example to a full disk."""
    *_, (frame, _) = walk_tb(error.__traceback__)
    return frame.f_globals.get("__name__") == "click.utils"


def redirect_to_null(*streams: TextIO) -> None:
    """Redirect streams to the null device, as flushing them at exit would fail again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        with suppress(OSError, ValueError):
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
