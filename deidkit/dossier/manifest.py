"""Manifest of a dossier, in the format of ``sha256sum --check``, and its signature."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec

from deidkit.json_records import record

MANIFEST, SIGNATURE, TIMESTAMP = "MANIFEST.sha256", "signature.json", "timestamp.tsr"
ABOUT_IT = (MANIFEST, SIGNATURE, TIMESTAMP)
"""Files of a dossier that the manifest does not list."""

FORMAT = 1
"""Version of the signed statement's format."""

_LINE = re.compile(r"(?P<hash>[0-9a-f]{64})  (?P<name>[^/\\\0][^\\\0]*)")


@dataclass(frozen=True, kw_only=True)
class Statement:
    """The signed statement.

    Attributes:
        manifest_sha256: SHA-256 of the manifest, and thereby of all files.
        signed: Time by the signer's own clock, UTC, ISO 8601.
    """

    format: int
    audit: str
    manifest_sha256: str
    signer: str
    signed: str


class Signature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A signed statement.

    Attributes:
        algorithm: ``Ed25519``.
        statement: JSON of a `Statement`; these very characters, in UTF-8, are what is signed.
        public_key: 32 bytes in hex.
        signature: 64 bytes in hex.
    """

    algorithm: Literal["Ed25519"]
    statement: str
    public_key: str
    signature: str

    @property
    def parsed(self) -> Statement:
        """The decoded statement. Raises msgspec.DecodeError if it is invalid."""
        return record(self.statement, Statement)


def signature(data: bytes) -> Signature:
    """The signature that a file holds, and nothing else: what is beside the statement has been signed by nobody.

    Raises:
        msgspec.DecodeError: It is not one.
    """
    found = record(data, Signature)
    pairs = json.loads(data, object_pairs_hook=list)  # keeps duplicate names
    if pairs != list(msgspec.structs.asdict(found).items()):
        raise msgspec.ValidationError("it holds more than a signature")
    return found


def written(contents: Mapping[str, bytes]) -> bytes:
    """Write the manifest of some files."""
    lines = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(contents.items())]
    return "".join(lines).encode()


def read(data: bytes) -> dict[str, str]:
    """Parse a manifest: name -> SHA-256 in hex. Raises ValueError, naming the line, if it is not one."""
    found = {}
    for number, line in enumerate(data.decode("utf-8").splitlines(), 1):
        match = _LINE.fullmatch(line)
        if match is None or ".." in match["name"].split("/"):
            raise ValueError(f"line {number} names no file with its hash")
        found[match["name"]] = match["hash"]
    if not found:
        raise ValueError("it lists no file")
    return found
