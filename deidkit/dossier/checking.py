"""Verifies a dossier, a folder or zip file: compares all files with the manifest and checks its signature."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

from deidkit.dossier import manifest
from deidkit.errors import UsageError

MOST_BYTES = 2_000_000_000
"""Maximum total size of the files of a dossier, unpacked."""

SMALL = 2_000_000
"""Maximum bytes that are read of a manifest, a signature or a time stamp."""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """Result of the verification of a dossier.

    Attributes:
        audit: Id of the audit in the signed statement; empty without a signature.
        problems: Problems, one phrase each; empty if there are none.
        signature: ``valid``, ``invalid`` or ``none``.
        fingerprint: Fingerprint of the public key; empty without a valid signature.
        stamped: Time by the clock of the time-stamping authority, whose certificate is not verified; empty without a
            time stamp.
    """

    audit: str = ""
    files: int
    problems: list[str]
    signature: Literal["valid", "invalid", "none"]
    signer: str = ""
    signed: str = ""
    fingerprint: str = ""
    stamped: str = ""


class _Files(Protocol):
    """Access to the files of a dossier in a folder or a zip file."""

    def names(self) -> list[str]:
        """Names of all files, relative to the dossier."""
        ...

    def digest(self, name: str) -> str:
        """SHA-256 of a file, in hex; another text if it is not a readable regular file."""
        ...

    def small(self, name: str) -> bytes | None:
        """First `SMALL` bytes of a file; None if it does not exist."""
        ...


def check_dossier(path: Path, key: bytes | None = None) -> Checked:
    """Verify a dossier, a folder or file, optionally for a given public key; unpacks and runs nothing.

    Raises:
        UsageError: It is not a dossier.
        MissingDependency: The dossier is signed, and cryptography is not installed.
    """
    with _opened(path) as files:
        listed = files.small(manifest.MANIFEST)
        if listed is None:
            raise UsageError(f"{path} is not a dossier: it has no {manifest.MANIFEST}.")
        try:
            expected = manifest.read(listed)
        except ValueError as error:  # a UnicodeDecodeError is one
            return Checked(files=0, problems=[f"{manifest.MANIFEST} is changed: {error}"], signature="none")
        problems = _changed(files, expected)
        signed = files.small(manifest.SIGNATURE)
        stamp = files.small(manifest.TIMESTAMP)
    stamped = _stamped(stamp, signed or listed, problems) if stamp is not None else ""
    so_far = Checked(files=len(expected), problems=problems, signature="none", stamped=stamped)
    if signed is not None:
        return _of_signature(signed, listed, key, so_far)
    return so_far if key is None else replace(so_far, problems=[*problems, "it is not signed"])


def _changed(files: _Files, listed: dict[str, str]) -> list[str]:
    present = files.names()
    problems = []
    for name, digest in listed.items():
        if name not in present:
            problems.append(f"{name} is missing")
        elif files.digest(name) != digest:
            problems.append(f"{name} is changed")
    return problems + [
        f"{name} is in it and not listed" for name in present if name not in listed and name not in manifest.ABOUT_IT
    ]


def _stamped(stamp: bytes, data: bytes, problems: list[str]) -> str:
    from deidkit.dossier.timestamps import is_stamp_of, time_of

    if is_stamp_of(stamp, data):
        return time_of(stamp)
    problems.append(f"{manifest.TIMESTAMP} is not a time stamp of this dossier")
    return ""


def _of_signature(data: bytes, listed: bytes, key: bytes | None, so_far: Checked) -> Checked:
    from deidkit.dossier.keys import fingerprint, is_signature

    try:
        signature = manifest.signature(data)
        statement = signature.parsed
        public, signed = bytes.fromhex(signature.public_key), bytes.fromhex(signature.signature)
    except ValueError:  # a msgspec.DecodeError is one
        problems = [*so_far.problems, f"{manifest.SIGNATURE} is changed: it is not a signature"]
        return replace(so_far, problems=problems, signature="invalid")
    problems = list(so_far.problems)
    if not is_signature(public, signed, signature.statement.encode()):
        problems.insert(0, f"{manifest.SIGNATURE} is changed: the signature does not fit what it signs")
        return replace(so_far, problems=problems, signature="invalid")
    if statement.manifest_sha256 != hashlib.sha256(listed).hexdigest():
        problems.insert(0, f"{manifest.MANIFEST} is changed: it is not the one that was signed")
    if key is not None and key != public:
        problems.insert(0, f"it is signed with another key than the one given ({fingerprint(key)[:16]}...)")
    return replace(
        so_far,
        audit=statement.audit,
        problems=problems,
        signature="valid",
        signer=statement.signer,
        signed=statement.signed,
        fingerprint=fingerprint(public),
    )


@contextmanager
def _opened(path: Path) -> Iterator[_Files]:
    if path.is_dir():
        yield _Folder(path)
        return
    try:
        with zipfile.ZipFile(path) as file:
            yield _Zip(path, file)
    except FileNotFoundError as error:
        raise UsageError(f"there is no dossier {path}.") from error
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise UsageError(f"{path} is not a dossier, neither a folder nor a sound zip file: {error}.") from error
    except OSError as error:
        raise UsageError(f"the dossier {path} cannot be read: {error.strerror or error}.") from error


class _Folder:
    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self) -> list[str]:
        return sorted(path.relative_to(self._root).as_posix() for path in self._root.rglob("*") if not path.is_dir())

    def digest(self, name: str) -> str:
        path = self._root / name
        if path.is_symlink() or not path.is_file():
            return "no file"
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def small(self, name: str) -> bytes | None:
        path = self._root / name
        return path.read_bytes()[:SMALL] if path.is_file() and not path.is_symlink() else None


class _Zip:
    def __init__(self, path: Path, file: zipfile.ZipFile) -> None:
        entries = [entry for entry in file.infolist() if not entry.is_dir()]
        if sum(entry.file_size for entry in entries) > MOST_BYTES:
            raise UsageError(f"{path} would unpack to more than {MOST_BYTES / 1e9:g} GB and is not a dossier.")
        roots = {entry.filename.partition("/")[0] for entry in entries}
        self._file, self._prefix = file, f"{roots.pop()}/" if len(roots) == 1 else ""
        self._entries = {entry.filename.removeprefix(self._prefix): entry for entry in entries}
        if len(self._entries) != len(entries):
            raise UsageError(f"{path} holds a name twice and is not a dossier.")

    def names(self) -> list[str]:
        return sorted(self._entries)

    def digest(self, name: str) -> str:
        try:
            with self._file.open(self._entries[name]) as file:
                return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
        except (zipfile.BadZipFile, zlib.error, EOFError):
            return "damaged"

    def small(self, name: str) -> bytes | None:
        entry = self._entries.get(name)
        if entry is None:
            return None
        with self._file.open(entry) as file:
            return file.read(SMALL)
