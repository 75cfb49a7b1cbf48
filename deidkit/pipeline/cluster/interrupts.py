"""Loaded by the worker processes of this machine as they start: Ctrl-C is for the process that sends them work."""

from __future__ import annotations

import signal


def dask_setup(_worker: object) -> None:
    """Ignore the interrupt that a terminal sends to every process of a command."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
