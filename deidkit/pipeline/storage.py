"""Storage of stage results: a folder, or an fsspec address such as ``s3://bucket/folder``."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

from deidkit.atomic import replacing
from deidkit.errors import DeidkitError, MissingDependency, UsageError, os_errors_as

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_Value = TypeVar("_Value")

DRIVERS = {"s3": "s3fs>=2024.6", "gs": "gcsfs>=2024.6", "abfs": "adlfs>=2024.4", "az": "adlfs>=2024.4"}
"""Protocol -> additional package that fsspec needs."""


class Storage(Protocol):
    """Named binary files, written atomically.

    Attributes:
        where: Location as shown to the user.
    """

    where: str

    def has(self, name: str) -> bool:
        """Whether a file exists."""
        ...

    def read(self, name: str) -> bytes | None:
        """Content of a file; None if it does not exist, b"" if it cannot be read."""
        ...

    def write(self, name: str, *parts: bytes) -> None:
        """Write or replace a file. Raises DeidkitError if it cannot be written."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file, if there is one."""
        ...


def is_address(place: object) -> bool:
    """Whether a place is an fsspec address rather than a path."""
    return isinstance(place, str) and _ADDRESS.match(place) is not None


def storage_at(place: str | Path) -> Storage:
    """The storage at a path or an address, made if it is not there.

    Raises:
        UsageError: It cannot be made or reached.
        MissingDependency: fsspec, or what it needs for this address, is not installed.
    """
    return Remote(str(place)) if is_address(place) else Folder(Path(place))


class Folder:
    """Files in a folder that only its owner can read.

    Raises:
        UsageError: It cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self.where, self._folder = str(folder), folder
        with os_errors_as(UsageError, f"the folder {folder} cannot be made"):
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)

    def has(self, name: str) -> bool:
        """See `Storage`."""
        return (self._folder / name).is_file()

    def read(self, name: str) -> bytes | None:
        """See `Storage`."""
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError:
            return b""

    def write(self, name: str, *parts: bytes) -> None:
        """See `Storage`."""
        path = self._folder / name
        try:
            with replacing(path) as partial:  # several machines may write the same file concurrently
                partial.touch(mode=0o600)
                with partial.open("wb") as file:
                    file.writelines(parts)
                    file.flush()
                    os.fsync(file.fileno())
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise _storage_error(self.where, "the disk is full", "make room") from error
            raise _storage_error(self.where, str(error.strerror)) from error

    def remove(self, name: str) -> None:
        """See `Storage`."""
        (self._folder / name).unlink(missing_ok=True)


class Remote:
    """Files at an address that fsspec knows; keys and secrets come from the environment.

    Raises:
        UsageError: No storage is known by such an address.
        MissingDependency: See `storage_at`.
    """

    def __init__(self, address: str) -> None:
        self.where = address
        protocol = address.partition("://")[0].lower()
        try:
            from fsspec.core import url_to_fs

            made: tuple[Any, str] = url_to_fs(address, use_listings_cache=False)
        except ImportError as error:
            needed = " ".join(f"'{name}'" for name in ("fsspec>=2024.6", DRIVERS.get(protocol, "")) if name)
            raise MissingDependency(
                f"{address} needs more packages. Install them with: pip install {needed}"
            ) from error
        except ValueError as error:
            raise UsageError(f"{address} is not an address that fsspec knows: {error}.") from error
        self._files, self._root = made[0], made[1].rstrip("/")

    def has(self, name: str) -> bool:
        """See `Storage`."""
        return bool(self._reached(lambda: self._files.isfile(self._path(name))))

    def read(self, name: str) -> bytes | None:
        """See `Storage`."""
        try:
            return self._reached(lambda: bytes(self._files.cat_file(self._path(name))))
        except FileNotFoundError:
            return None

    def write(self, name: str, *parts: bytes) -> None:
        """See `Storage`."""
        try:
            self._reached(lambda: self._files.pipe_file(self._path(name), b"".join(parts)))
        except FileNotFoundError as error:
            raise _storage_error(self.where, str(error)) from error

    def remove(self, name: str) -> None:
        """See `Storage`."""
        with suppress(FileNotFoundError):
            self._reached(lambda: self._files.rm_file(self._path(name)))

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _reached(self, request: Callable[[], _Value]) -> _Value:
        try:
            return request()
        except FileNotFoundError:
            raise
        except Exception as error:  # each backend has its own exceptions
            cause = " ".join(str(error).split()) or type(error).__name__
            raise _storage_error(self.where, cause) from error


def _storage_error(where: str, cause: str, remedy: str = "correct that") -> DeidkitError:
    return DeidkitError(
        f"the audit cannot store its results in {where}: {cause.rstrip('.')}. "
        f"What is finished is kept: {remedy} and run the same command with --resume."
    )
