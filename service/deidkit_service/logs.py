"""Logging of server and workers."""

from __future__ import annotations

import logging
import sys


def log_to_stderr() -> None:
    """Let it go to standard error, a line each; of libraries only warnings."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    logging.getLogger("deidkit").setLevel(logging.INFO)
