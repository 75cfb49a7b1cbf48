"""Atomic writing: files appear under their name only when complete."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path, *, partial: str = "") -> Iterator[Path]:
    """A path to write to, which takes the place of another when the block ends, and goes when the block fails.

    Args:
        path: What is written or replaced; its folder exists.
        partial: Temporary name until then; where one process writes at a time, so that the next one overwrites what a
            kill left. Else a name of its own, without that of the file, which may be as long as names can be.

    Raises:
        OSError: As writing does.
    """
    before = path.with_name(partial or f".{secrets.token_hex(8)}.part")
    try:
        yield before
        before.replace(path)
    finally:
        before.unlink(missing_ok=True)
