"""Logging of the server and the workers."""

from __future__ import annotations

import logging
import sys


def log_to_stderr() -> None:
    """Log to standard error, one line per message; of other libraries only warnings."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    logging.getLogger("deidkit").setLevel(logging.INFO)
