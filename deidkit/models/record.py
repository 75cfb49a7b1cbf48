"""The record of a model's first fetch: trusted once, and used for verification afterwards."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import msgspec

from deidkit.atomic import replacing
from deidkit.errors import MissingModel
from deidkit.json_records import record as json_record

NAME = "fetched.json"


@dataclass(frozen=True, kw_only=True)
class Content:
    """Size in bytes and SHA-256, in hex, of one file."""

    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Record:
    """Is stored with a model's files.

    Attributes:
        source: What carried the files, as `Source.title` says, or ``folder`` where the user brought them.
        revision: Of the source; None where it has none, or the user brought the files.
        licence: The model's licence when it was fetched.
        accepted: Whether the user accepted its terms.
    """

    source: str
    revision: str | None
    licence: str
    accepted: bool
    files: dict[str, Content] = field(default_factory=dict)


def read(home: Path) -> Record | None:
    """The record in a model's folder; None where nothing was recorded. Raises MissingModel where it cannot be read."""
    place = home / NAME
    try:
        return json_record(place.read_bytes(), Record)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, msgspec.DecodeError):
        raise MissingModel(
            f"{place} cannot be read, so nothing says what the files next to it should be; delete it and fetch again"
        ) from None


def write(home: Path, record: Record) -> None:
    """Replace the record in a model's folder in one step."""
    with replacing(home / NAME) as fresh:
        fresh.write_bytes(msgspec.json.format(msgspec.json.encode(record)) + b"\n")


def content(place: Path) -> Content:
    """Size and SHA-256 of a file; one that has not been touched since is not read a second time."""
    found = place.stat()
    return Content(size=found.st_size, sha256=_sha256(place, found.st_size, found.st_mtime_ns, found.st_ino))


@lru_cache(maxsize=1024)
def _sha256(place: Path, *_unchanged: int) -> str:
    with place.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()
