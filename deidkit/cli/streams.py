"""The streams that a command is started with: one may be closed, or lead where nothing can be written."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from traceback import walk_tb
from typing import TextIO

from deidkit.errors import UsageError


def opened() -> None:
    """Let streams that are closed, as with ``>&-``, lead nowhere.

    What is opened first, such as the score store, would get their numbers else, and with them whatever a library
    prints.
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
def written(*, err: bool = False) -> Iterator[None]:
    """Say in one sentence that standard output cannot be written to; lines for standard error are lost then.

    Raises:
        UsageError: It cannot, as on a full disk; a reader who has gone stays a BrokenPipeError.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        lead_nowhere(sys.stderr if err else sys.stdout)
        if not err:
            raise UsageError(f"standard output cannot be written to: {error.strerror}.") from error


def is_of_printing(error: OSError) -> bool:
    """Whether click could not print a help text, a version or an error, as on a full disk."""
    *_, (frame, _) = walk_tb(error.__traceback__)
    return frame.f_globals.get("__name__") == "click.utils"


def lead_nowhere(*streams: TextIO) -> None:
    """Let streams lead nowhere: what is still to be flushed would fail again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        with suppress(OSError, ValueError):
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
