"""Storage of an audit's stage results, so that an interruption loses little and nothing is computed twice.

The files hold templates and pictures, which are biometric data: only the owner can read the folder, and it is removed
when the audit is done unless the user asks to keep it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from deidkit.errors import UsageError, os_errors_as
from deidkit.pipeline.code import code_digest
from deidkit.pipeline.packing import packed, unpacked
from deidkit.pipeline.storage import storage_at

R = TypeVar("R")

SUFFIX = ".stage"
_MAGIC = b"deidkit1"
_CHECKSUM_SIZE = 16


def key_of(*parts: object) -> str:
    """SHA-256 of a result's dependencies, deidkit's own code included."""
    return hashlib.sha256(msgspec.json.encode([code_digest(), *parts], order="sorted")).hexdigest()


def workspace_of(folder: Path, audit_id: str) -> Path:
    """Default location of an audit's stage results in its output folder."""
    return folder / f"work-{audit_id}"


def has_results(folder: Path) -> bool:
    """Whether a folder holds stage results."""
    return any(folder.glob(f"*{SUFFIX}"))


def remove_results(folder: Path, advance: Callable[[], None] = lambda: None) -> None:
    """Remove the results in a folder, and the folder if nothing else is in it; `advance` is called for each file.

    Raises:
        UsageError: One cannot be removed.
    """
    with os_errors_as(UsageError, f"the templates in {folder} cannot be removed"):
        for pattern in (f"*{SUFFIX}", "*.part"):
            for file in folder.glob(pattern):
                file.unlink(missing_ok=True)
                advance()
    with suppress(OSError):  # keep a folder with other content
        folder.rmdir()


class Workspace:
    """Stage results: typed records under the hash of their dependencies.

    A record is a `msgspec.Struct`, a dataclass or a dictionary, whose arrays are read-only when it is loaded.

    Args:
        place: A folder, or an address that fsspec knows.

    Raises:
        UsageError: It cannot be made or reached.
        MissingDependency: What reaches the address is not installed.
    """

    def __init__(self, place: str | Path) -> None:
        self._storage = storage_at(place)
        self.where = self._storage.where

    def has(self, key: str) -> bool:
        """Whether there is a result under a key; whether it is damaged shows when it is loaded."""
        return self._storage.has(_name(key))

    def load(self, key: str, record: type[R]) -> R | None:
        """A result, or None where there is none; a damaged file counts as none and is removed."""
        stored = self._storage.read(_name(key))
        if stored is None:
            return None
        head, checksum, content = _split(stored)
        if head == _MAGIC and checksum == _checksum(content):
            with suppress(msgspec.MsgspecError):
                return unpacked(content, record)
        self._storage.remove(_name(key))
        return None

    def save(self, key: str, record: object) -> None:
        """Store a result atomically.

        Raises:
            DeidkitError: The disk is full or the place cannot be written to.
        """
        content = packed(record)
        self._storage.write(_name(key), _MAGIC + _checksum(content), content)

    def discard(self, keys: Iterable[str]) -> None:
        """Remove results that no later audit can use."""
        for key in keys:
            self._storage.remove(_name(key))


def _name(key: str) -> str:
    return f"{key}{SUFFIX}"


def _split(stored: bytes) -> tuple[bytes, bytes, memoryview]:
    start = len(_MAGIC)
    view = memoryview(stored)
    return stored[:start], stored[start : start + _CHECKSUM_SIZE], view[start + _CHECKSUM_SIZE :]


def _checksum(content: bytes | memoryview) -> bytes:
    return hashlib.blake2b(content, digest_size=_CHECKSUM_SIZE).digest()
