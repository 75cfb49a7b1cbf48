"""Results of an audit under way, so that an interruption loses at most the pictures in hand.

The files hold templates, which are biometric data: only the owner can read the folder, and it is removed when the
audit is done unless the user asks to keep it.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

import deidkit
from deidkit.errors import DeidkitError, UsageError

Arrays = dict[str, NDArray[Any]]


def key_of(*parts: Any) -> str:
    """SHA-256 of what a result depends on, deidkit's version included."""
    return hashlib.sha256(msgspec.json.encode([deidkit.__version__, *parts], order="sorted")).hexdigest()


def workspace_of(folder: Path, audit_id: str) -> Path:
    """Where the results of an audit are kept in its output folder, unless the user names another place."""
    return folder / f"work-{audit_id}"


def remove_results(folder: Path) -> None:
    """Remove the results in a folder, and the folder if nothing else is in it.

    Raises:
        UsageError: One cannot be removed.
    """
    try:
        for pattern in ("*.npz", "*.part"):
            for file in folder.glob(pattern):
                file.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"the templates in {folder} cannot be removed: {error.strerror}.") from error
    with suppress(OSError):  # what is not ours stays
        folder.rmdir()


@dataclass(frozen=True)
class Keys:
    """Under which keys the results of the batches are.

    Attributes:
        originals: One key for each batch.
        copies: For each engine one key for each batch.
    """

    originals: list[str]
    copies: list[list[str]]


class Workspace:
    """A folder of finished results, each under the hash of what it depends on; templates are for its owner's eyes.

    Raises:
        UsageError: The folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise UsageError(f"the folder {folder} cannot be made: {error.strerror}.") from error

    def load(self, key: str) -> tuple[Arrays, dict[str, Any]] | None:
        """A finished result, or None where there is none; a damaged file counts as none."""
        path = self._path(key)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
        except FileNotFoundError:
            return None
        except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error):
            path.unlink(missing_ok=True)
            return None
        return arrays, json.loads(arrays.pop("records").tobytes())

    def save(self, key: str, arrays: Mapping[str, NDArray[Any]], records: Mapping[str, Any]) -> None:
        """Keep a result; it appears whole or not at all.

        Raises:
            DeidkitError: The disk is full or the folder cannot be written.
        """
        path = self._path(key)
        temporary = path.with_suffix(f".{os.getpid()}.part")
        packed = np.frombuffer(json.dumps(records).encode(), dtype=np.uint8)
        try:
            temporary.touch(mode=0o600)
            with temporary.open("wb") as file:
                np.savez(file, allow_pickle=False, records=packed, **arrays)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            cause = "the disk is full" if error.errno == errno.ENOSPC else str(error.strerror)
            raise DeidkitError(
                f"the audit cannot keep its results in {self.folder}: {cause}. "
                "What is finished is kept: make room and run the same command with --resume."
            ) from error

    def discard(self, keys: Iterable[str]) -> None:
        """Remove these results: what no later audit can use is not kept for one."""
        for key in keys:
            self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.npz"
