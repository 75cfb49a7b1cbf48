"""Standard streams of a command: one may be closed, or write to a full disk."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from traceback import walk_tb
from typing import TextIO

from deidkit.errors import UsageError


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


@contextmanager
def write_errors_reported(*, err: bool = False) -> Iterator[None]:
    """Say in one sentence that standard output cannot be written to; lines for standard error are lost then.

    Raises:
        UsageError: It cannot, as on a full disk; a reader who has gone stays a BrokenPipeError.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        redirect_to_null(sys.stderr if err else sys.stdout)
        if not err:
            raise UsageError(f"standard output cannot be written to: {error.strerror}.") from error


def is_from_printing(error: OSError) -> bool:
    """Whether click could not print a help text, a version or an error, as on a full disk."""
    *_, (frame, _) = walk_tb(error.__traceback__)
    return frame.f_globals.get("__name__") == "click.utils"


def redirect_to_null(*streams: TextIO) -> None:
    """Redirect streams to the null device: what is still to be flushed would fail again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        with suppress(OSError, ValueError):
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
