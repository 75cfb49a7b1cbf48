"""What several tests of the service do."""

from __future__ import annotations

import time
from collections.abc import Callable

from click.testing import CliRunner

from deidkit.cli import main


def command(*words: object) -> str:
    """What a command prints; it succeeds."""
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.output


def until(happened: Callable[[], object], seconds: float = 300) -> None:
    """Wait for something that takes a while."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.1)
